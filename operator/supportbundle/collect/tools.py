r"""Profilers and dumps of common runtimes, as data: which programs to run, in which order, and what is the file.

Facts about programs are from their own references: `jcmd` of the JDK (Thread.print, GC.class_histogram, JFR.start,
JFR.stop), py-spy's README, and Node's `report` documentation. A recording begins with `FLR\0` (JDK Flight Recorder).

Verified against running programs, in the target's container and from a debugging container, on Kubernetes 1.34 with
containerd 1.6 and Linux 6.18 without Yama: OpenJDK 17.0.19 (`jfr summary` accepts the recording), py-spy 0.4.3 with
Python 3.11.2 (no capability is needed there), and Node 18.20.4. A JVM that was asked keeps its socket `.java_pid<N>`
and the folder of its recordings in /tmp until it ends.
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
    clears up, so it also runs after a step that failed. `outside`: only from a debugging container.
    """

    argv: tuple[str, ...]
    kept: bool = False
    waits: bool = False
    always: bool = False
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool's steps and its file `<stem><suffix>`; `needs` is its precondition.

    `magic` is how the file may begin, where it has a fixed form. What has fewer than `least` bytes is no file.
    """

    stem: str
    suffix: str
    steps: tuple[Step, ...]
    needs: str
    magic: tuple[bytes, ...] = ()
    least: int = 1

    @property
    def fixed(self) -> bool:
        """Whether the file must parse as a whole."""
        return bool(self.magic)

    def wanted(self, *, ephemeral: bool) -> tuple[Step, ...]:
        """The steps from this side."""
        return tuple(step for step in self.steps if ephemeral or not step.outside)

    @property
    def program(self) -> str:
        """The one that gives the tool its worth; others are in every image that has a shell."""
        return next(step.argv[0] for step in self.steps if not step.outside)

    @property
    def waits(self) -> bool:
        """Whether the option `seconds` matters."""
        return any(step.waits for step in self.steps)


_RECORDING = "/tmp/supportbundle-{token}.jfr"  # noqa: S108 - in the target; the token is random

_JCMD = "`jcmd` of a JDK, the JVM's own user and group, and a /tmp that the JVM and `jcmd` can write."
_JCMD_HEADING = 16
"""`jcmd` writes the number of the process before it tries to reach it: that alone is no file."""

_REACH_JVM = """
link=/proc/$1/root/tmp/.java_pid$1
asked=/proc/$1/root/tmp/.attach_pid$1
ln -sf "$link" /tmp/ && rm -f "$asked" && set -C && : > "$asked"
"""
"""A `jcmd` that sees the JVM by the JVM's own number takes the JVM's /tmp for its own (JDK-8327114), which it is not.

So the JVM finds the file that asks it to listen where it looks, and `jcmd` a link to the JVM's socket.
"""

_JVM_BEFORE = Step(("sh", "-c", _REACH_JVM, "sh", "{process}"), outside=True)
_JVM_AFTER = Step(("rm", "-f", "/proc/{process}/root/tmp/.attach_pid{process}"), always=True, outside=True)

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
[ -w "/proc/$pid/cwd/" ] || {
  echo "the working directory of process $pid, where the report would go, cannot be written" >&2; exit 3
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
    cat "$last"
    code=$?
    rm -f "$last"
    exit "$code"
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
            steps=(_JVM_BEFORE, Step(("jcmd", "{process}", "Thread.print", "-l"), kept=True), _JVM_AFTER),
            needs=_JCMD,
            least=_JCMD_HEADING,
        ),
        ExecTool.JVM_HEAP_HISTOGRAM: Tool(
            stem="jvm-heap-histogram",
            suffix=".txt",
            steps=(_JVM_BEFORE, Step(("jcmd", "{process}", "GC.class_histogram"), kept=True), _JVM_AFTER),
            needs=f"{_JCMD} It makes the JVM collect garbage.",
            least=_JCMD_HEADING,
        ),
        ExecTool.JVM_FLIGHT_RECORDING: Tool(
            stem="recording",
            suffix=".jfr",
            steps=(
                _JVM_BEFORE,
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
                # One that still runs when time is over would write its file after this one is removed.
                Step(("jcmd", "{process}", "JFR.stop", "name=supportbundle-{token}"), always=True),
                Step(("rm", "-f", "{root}" + _RECORDING), always=True),
                _JVM_AFTER,
            ),
            needs=f"{_JCMD} `cat` and `rm` besides.",
            magic=(b"FLR\0",),
            least=4,
        ),
        ExecTool.PYTHON_STACKS: Tool(
            stem="python-stacks",
            suffix=".txt",
            steps=(Step(("py-spy", "dump", "--pid", "{process}"), kept=True),),
            needs="`py-spy`, and the right to trace: the capability SYS_PTRACE, or the process's own user and "
            "group where the node has no Yama, or its kernel.yama.ptrace_scope is 0.",
        ),
        ExecTool.NODE_REPORT: Tool(
            stem="node-report",
            suffix=".json",
            steps=(Step(("sh", "-c", _NODE_REPORT, "sh", "{process}"), kept=True),),
            needs="Node started with --report-on-signal, without another signal, directory or file name for it; `sh`, "
            "`grep`, `cat`, `rm`, `sleep`; a working directory that can be written; the process's own user and group. "
            "The report is removed from the container.",
            magic=(b"{", b"\n{"),
            least=2,
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
