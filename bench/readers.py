"""The readers of the other languages against the usual recipe of each."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from bench.measure import Row, Table, alternate, process, ratio

ROOT = Path(__file__).resolve().parent.parent
_NAME = "db_password"

_NODE = """
const fs = require("node:fs");
const { getSecret } = require(process.argv[1]);
const path = `${process.env.SECRETS_DIR}/db_password`;
const works = {
  ours: () => getSecret("db_password"),
  recipe: () => (fs.existsSync(path) ? fs.readFileSync(path, "utf8").trim() : undefined),
};
const times = { ours: [], recipe: [] };
for (let round = 0; round < 300; round++)
  for (const [name, work] of Object.entries(works)) {
    const start = process.hrtime.bigint();
    for (let call = 0; call < 200; call++) work();
    times[name].push(Number(process.hrtime.bigint() - start) / 200e9);
  }
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
console.log(JSON.stringify({ ours: median(times.ours), recipe: median(times.recipe) }));
"""

_GO = """package strongroom

import (
	"os"
	"strings"
	"testing"
)

func BenchmarkOurs(b *testing.B) {
	for i := 0; i < b.N; i++ {
		_, _ = GetSecret("db_password")
	}
}

func BenchmarkRecipe(b *testing.B) {
	for i := 0; i < b.N; i++ {
		data, _ := os.ReadFile(os.Getenv("SECRETS_DIR") + "/db_password")
		_ = strings.TrimSpace(string(data))
	}
}
"""

_SH_RECIPE = """
file_env() {
  var=$1; file_var="${1}_FILE"; eval "direct=\\${$var:-}; path=\\${$file_var:-}"
  if [ -n "$direct" ] && [ -n "$path" ]; then echo "both are set" >&2; exit 1; fi
  if [ -n "$path" ]; then direct=$(cat "$path"); fi
  export "$var=$direct"; unset "$file_var"
}
file_env DB_PASSWORD
"""


def tables() -> list[Table]:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        path = Path(directory, _NAME)
        path.write_text("correct horse battery staple\n")
        environment = {"PATH": os.environ["PATH"], "HOME": directory, "SECRETS_DIR": directory, "GOPROXY": "off"}
        young = _node(environment) + _go(environment, "read each time")
        time.sleep(2.1)  # a younger file is not kept: it could change within a tick of its clock
        rows = _node(environment, 0.5) + _go(environment, "unchanged", 0.5) + _sh(environment, path)
    return [Table("The readers of other languages: just changed, so read each time", young),
            Table("The readers of other languages: unchanged", rows)]  # fmt: skip


def _node(environment: dict[str, str], aim: float = 1.0) -> list[Row]:
    what = "Node.js getSecret : existsSync + readFileSync().trim()"
    if not shutil.which("node"):
        return [Row(what, "node is not installed")]
    script = ["node", "-e", _NODE, str(ROOT / "clients/node")]
    shown = subprocess.run(script, env=environment, check=True, capture_output=True, text=True).stdout
    took = json.loads(shown)
    return [ratio(what, took["ours"], took["recipe"], aim)]


def _go(environment: dict[str, str], which: str, aim: float = 1.0) -> list[Row]:
    what = f"Go GetSecret, {which} : os.ReadFile + TrimSpace"
    if not shutil.which("go"):
        return [Row(what, "go is not installed")]
    with tempfile.TemporaryDirectory() as directory:
        for source in (ROOT / "clients/go").glob("*"):
            if not source.name.endswith("_test.go"):
                shutil.copy(source, directory)
        Path(directory, "bench_test.go").write_text(_GO)
        program = f"{directory}/bench"
        build = environment | {"GOCACHE": f"{directory}/cache"}
        subprocess.run(["go", "test", "-c", "-o", program], cwd=directory, env=build, check=True)
        if which == "read each time":
            Path(environment["SECRETS_DIR"], _NAME).touch()
        long = "0.3s" if which == "read each time" else "1s"
        command = [program, "-test.bench=.", f"-test.benchtime={long}"]
        shown = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    took = {line.split()[0].partition("-")[0]: float(line.split()[2]) * 1e-9
            for line in shown.splitlines() if line.startswith("Benchmark")}  # fmt: skip
    return [ratio(what, took["BenchmarkOurs"], took["BenchmarkRecipe"], aim)]


def _sh(environment: dict[str, str], path: Path) -> list[Row]:
    ours = f". {ROOT}/clients/sh/strongroom.sh; file_env {_NAME}"
    named = environment | {"DB_PASSWORD_FILE": str(path)}
    took = alternate({"ours": process("sh", "-c", ours, environment=environment),
                      "recipe": process("sh", "-c", _SH_RECIPE, environment=named)}, rounds=40)  # fmt: skip
    return [
        ratio("sh file_env, a whole script : the usual file_env (which checks nothing)", took["ours"], took["recipe"])
    ]
