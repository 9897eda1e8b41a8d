# One image, two jobs: `operator` in the Deployment, `collect` in collection Jobs. No shell is needed at run time.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS dependencies
COPY requirements.lock /build/requirements.lock
RUN python3 -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore --no-compile \
      --only-binary=:all: --require-hashes --target=/opt/supportbundle/lib -r /build/requirements.lock \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/supportbundle/lib

FROM dependencies AS application
COPY operator/supportbundle /opt/supportbundle/app/supportbundle
# The root file system is read-only in the cluster: without compiled files every pod would compile anew.
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /opt/supportbundle/app \
 && mkdir /opt/supportbundle/bin \
 && printf '%s\n' '#!/usr/bin/env python3' 'import sys' 'from supportbundle.__main__ import main' 'sys.exit(main())' \
      > /opt/supportbundle/bin/supportbundle \
 && chmod 755 /opt/supportbundle/bin/supportbundle

FROM ${BASE}
LABEL org.opencontainers.image.title="supportbundle-operator" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=dependencies /opt/supportbundle/lib /opt/supportbundle/lib
COPY --from=application /opt/supportbundle/app /opt/supportbundle/app
COPY --from=application /opt/supportbundle/bin /opt/supportbundle/bin
COPY LICENSE /licenses/LICENSE
ENV PATH=/opt/supportbundle/bin:$PATH \
    PYTHONPATH=/opt/supportbundle/app:/opt/supportbundle/lib \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=2 \
    PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["supportbundle"]
CMD ["operator"]
