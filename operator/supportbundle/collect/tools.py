r"""Profilers and dumps of common runtimes, as data: which programs to run, in which order, and what is the file.

Facts about programs are from their own references: `jcmd` of the JDK (Thread.print, GC.class_histogram, JFR.start),
py-spy's README, and Node's `report` documentation. A recording begins with `FLR\0` (JDK Flight Recorder).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from supportbundle.model.collectors import ExecTool

FLUSH_SECONDS = 2
"""After a recording's time the JVM still has to write its file."""


@dataclass(frozen=True, slots=True)
class Step:
    """One program. `{process}`, `{seconds}`, `{token}` and `{root}` (of the target's files) are filled in.

    `kept`: its standard output is the file. `waits`: the option `seconds` passes before the next step. `always`: it
    clears up, so it also runs after a step that failed.
    """

    argv: tuple[str, ...]
    kept: bool = False
    waits: bool = False
    always: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool's steps and its file `<stem><suffix>`. `magic` is how the file must begin; `needs` is its precondition."""

    stem: str
    suffix: str
    steps: tuple[Step, ...]
    needs: str
    magic: bytes = b""

    @property
    def waits(self) -> bool:
        """Whether the option `seconds` matters."""
        return any(step.waits for step in self.steps)


_RECORDING = "/tmp/supportbundle-{token}.jfr"  # noqa: S108 - in the target; the token is random

_NODE_REPORT = r"""
pid=$1
newest() {
  last=
  for file in "/proc/$pid/cwd"/report.*."$pid".*.json; do
    [ -f "$file" ] && last=$file
  done
}
caught=
while read -r key value; do
  [ "$key" = SigCgt: ] && caught=$value
done < "/proc/$pid/status"
case $caught in
  *[89abcdef]??) ;;
  *) echo "process $pid does not handle SIGUSR2, which would end it" >&2; exit 3 ;;
esac
grep -q 'report[-_]on[-_]signal' "/proc/$pid/cmdline" "/proc/$pid/environ" || {
  echo "process $pid runs without --report-on-signal" >&2; exit 3
}
newest
before=$last
kill -USR2 "$pid" || exit
tries=0
while [ "$tries" -lt 20 ]; do
  sleep 1
  newest
  if [ "$last" != "$before" ]; then
    sleep 1
    cat "$last" && rm -f "$last"
    exit
  fi
  tries=$((tries + 1))
done
echo "no report appeared in the process's working directory" >&2
exit 4
"""
"""The signal ends a process that does not expect it, so both the handler and the option are looked for first.

SIGUSR2 is signal 12: bit 11 of the mask SigCgt, which is the highest of the third hexadecimal digit from the right.
"""

TOOLS: Mapping[ExecTool, Tool] = MappingProxyType(
    {
        ExecTool.JVM_THREADS: Tool(
            stem="jvm-threads",
            suffix=".txt",
            steps=(Step(("jcmd", "{process}", "Thread.print", "-l"), kept=True),),
            needs="`jcmd` of a JDK, and the JVM's own user.",
        ),
        ExecTool.JVM_HEAP_HISTOGRAM: Tool(
            stem="jvm-heap-histogram",
            suffix=".txt",
            steps=(Step(("jcmd", "{process}", "GC.class_histogram"), kept=True),),
            needs="`jcmd` of a JDK, and the JVM's own user. It makes the JVM collect garbage.",
        ),
        ExecTool.JVM_FLIGHT_RECORDING: Tool(
            stem="recording",
            suffix=".jfr",
            steps=(
                Step(
                    (
                        "jcmd",
                        "{process}",
                        "JFR.start",
                        "name=supportbundle-{token}",
                        "duration={seconds}s",
                        f"filename={_RECORDING}",
                    ),
                    waits=True,
                ),
                Step(("cat", "{root}" + _RECORDING), kept=True),
                Step(("rm", "-f", "{root}" + _RECORDING), always=True),
            ),
            needs="`jcmd` of a JDK, the JVM's own user, `cat` and `rm`, and a /tmp that the JVM can write.",
            magic=b"FLR\0",
        ),
        ExecTool.PYTHON_STACKS: Tool(
            stem="python-stacks",
            suffix=".txt",
            steps=(Step(("py-spy", "dump", "--pid", "{process}"), kept=True),),
            needs="`py-spy`, and the right to trace: the capability SYS_PTRACE, or the process's own user where "
            "kernel.yama.ptrace_scope is 0.",
        ),
        ExecTool.NODE_REPORT: Tool(
            stem="node-report",
            suffix=".json",
            steps=(Step(("sh", "-c", _NODE_REPORT, "sh", "{process}"), kept=True),),
            needs="Node started with --report-on-signal, without another signal, directory or file name for it; `sh`, "
            "`grep`, `cat`, `rm`, `sleep`; the process's own user. The report is removed from the container.",
            magic=b"{",
        ),
    }
)


def filled(step: Step, *, process: int, seconds: int, token: str, ephemeral: bool) -> tuple[str, ...]:
    """The argv of a step. Seen from a debugging container, the target's files lie below its process."""
    values = {
        "{process}": str(process),
        "{seconds}": str(seconds),
        "{token}": token,
        "{root}": f"/proc/{process}/root" if ephemeral else "",
    }
    return tuple(_fill(word, values) for word in step.argv)


def _fill(word: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(name, value)
    return word
