"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const vectors = require("./vectors.js");

const all = vectors.load();

for (const vector of all) test(vector.name, () => vectors.run(vector));

test("there are vectors, each under its own name", () => {
  assert.ok(all.length > 100);
  assert.equal(new Set(all.map((vector) => vector.name)).size, all.length);
});
