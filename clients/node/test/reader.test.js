"use strict";

// What the vectors cannot say: what is kept, what is shown, and how a watch behaves.

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { afterEach, beforeEach, mock, test } = require("node:test");
const { inspect } = require("node:util");
const strongroom = require("../index.js");

let directory;

function put(name, value) {
  const next = path.join(directory, ".next");
  fs.writeFileSync(next, value);
  fs.renameSync(next, path.join(directory, name));
}

/** Lets the reader believe that every file is old enough to be kept. */
function later() {
  const real = Date.now;
  mock.method(Date, "now", () => real() + 60_000);
}

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "strongroom-"));
  process.env.SECRETS_DIR = directory;
});

afterEach(() => {
  mock.restoreAll();
  fs.rmSync(directory, { recursive: true, force: true });
});

test("an unchanged file costs one stat and no open", () => {
  put("key", "value");
  later();
  strongroom.getSecret("key");
  const open = mock.method(fs, "openSync");
  const stat = mock.method(fs, "statSync");
  assert.equal(strongroom.getSecret("key"), "value");
  assert.equal(open.mock.callCount(), 0);
  assert.equal(stat.mock.callCount(), 1);
});

test("a file changed less than two seconds ago is read again", () => {
  put("key", "value");
  strongroom.getSecret("key");
  const open = mock.method(fs, "openSync");
  strongroom.getSecret("key");
  assert.equal(open.mock.callCount(), 1);
});

test("a kept file that is replaced is read anew", () => {
  put("key", "aaaa");
  later();
  assert.equal(strongroom.getSecret("key"), "aaaa");
  put("key", "bbbb");
  assert.equal(strongroom.getSecret("key"), "bbbb");
});

test("what is kept under a path is not given for a name with a slash", () => {
  fs.mkdirSync(path.join(directory, "sub"));
  put("sub/key", "value");
  later();
  process.env.SECRETS_DIR = path.join(directory, "sub");
  strongroom.getSecret("key");
  process.env.SECRETS_DIR = directory;
  assert.throws(() => strongroom.getSecret("sub/key"), strongroom.InvalidNameError);
});

test("bytes are a copy", () => {
  put("key", "value");
  later();
  strongroom.getSecretBytes("key").fill(0);
  assert.equal(strongroom.getSecretBytes("key").toString(), "value");
});

test("the error names the places it looked at", () => {
  assert.throws(
    () => strongroom.getSecret("some-key"),
    (error) => {
      assert.ok(error instanceof strongroom.SecretNotFoundError);
      assert.equal(error.code, "SECRET_NOT_FOUND");
      assert.equal(error.secret, "some-key");
      assert.deepEqual(error.places, [
        `no file ${directory}/some-key`,
        "SOME_KEY_FILE is not set",
        "SOME_KEY is not set",
      ]);
      return true;
    },
  );
});

test("undefined counts as a default", () => {
  assert.equal(strongroom.getSecret("key", undefined), undefined);
});

test("a name with half a surrogate pair is refused", () => {
  assert.throws(() => strongroom.getSecret("a\ud800"), strongroom.InvalidNameError);
});

test("nothing that is shown has a value in it", async () => {
  put("key", "hunter2-hunter2");
  fs.writeFileSync(path.join(directory, "binary"), Buffer.from("ff68756e7465723268", "hex"));
  const watch = strongroom.watchSecret("key");
  const shown = [inspect(watch, { showHidden: true, depth: 9 }), JSON.stringify(watch), String(watch)];
  shown.push(inspect(strongroom, { showHidden: true, depth: 9 }));
  try {
    strongroom.getSecret("binary");
    assert.fail("binary is no text");
  } catch (error) {
    shown.push(inspect(error, { showHidden: true, depth: 9 }), JSON.stringify(error));
  }
  assert.doesNotMatch(shown.join("\n"), /hunter2/);
});

test("a watch yields each new value, and not the one that was there", async () => {
  put("key", "v1");
  const watch = strongroom.watchSecret("key", { interval: 5 });
  put("key", "v2");
  assert.deepEqual(await watch.next(), { value: "v2", done: false });
  const next = watch.next();
  put("key", "v2\n"); // the same value, written anew
  setTimeout(() => put("key", "v3"), 20);
  assert.deepEqual(await next, { value: "v3", done: false });
  await watch.return();
});

test("a watch ends on abort, without waiting for its interval", async () => {
  put("key", "v1");
  const abort = new AbortController();
  const values = [];
  setTimeout(() => abort.abort(), 10);
  for await (const value of strongroom.watchSecret("key", { interval: 2 ** 30, signal: abort.signal })) {
    values.push(value);
  }
  assert.deepEqual(values, []);
});

test("a watch throws what reading throws, and can be awaited again", async () => {
  put("key", "v1");
  const watch = strongroom.watchSecret("key", { interval: 5 });
  fs.rmSync(path.join(directory, "key"));
  await assert.rejects(watch.next(), strongroom.SecretNotFoundError);
  put("key", "v2");
  assert.deepEqual(await watch.next(), { value: "v2", done: false });
});

test("a watch of nothing fails at once", () => {
  assert.throws(() => strongroom.watchSecret("key"), strongroom.SecretNotFoundError);
  put("key", "v1");
  assert.throws(() => strongroom.watchSecret("key", { interval: 0 }), RangeError);
});

test("a watch that nobody awaits lets the process end", () => {
  put("key", "v1");
  const script = `require(${JSON.stringify(path.join(__dirname, ".."))}).watchSecret("key")`;
  execFileSync(process.execPath, ["-e", script], { timeout: 30_000 });
});

test("both kinds of module are one", async () => {
  const module = await import("../index.mjs");
  assert.deepEqual(Object.keys(module).filter((name) => name !== "default").sort(), Object.keys(strongroom).sort());
  assert.equal(module.getSecret, strongroom.getSecret);
});
