"use strict";

const { getSecret } = require("./reader.js");

/** An async iterator over a secret's new values. Its fields are private so that inspecting it shows no value. */
class SecretWatch {
  #name;
  #interval;
  #signal;
  #last;
  #done = false;
  #wake = () => {};

  constructor(name, { interval = 1000, signal } = {}) {
    if (!(interval > 0)) throw new RangeError(`an interval of ${interval} ms is no interval: give more than 0.`);
    this.#name = name;
    this.#interval = interval;
    this.#signal = signal;
    this.#last = getSecret(name);
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  async next() {
    while (!this.#done && !this.#signal?.aborted) {
      const value = getSecret(this.#name);
      if (value !== this.#last) {
        this.#last = value;
        return { value, done: false };
      }
      await this.#pause();
    }
    return this.return();
  }

  async return() {
    this.#done = true;
    this.#last = undefined;
    this.#wake();
    return { value: undefined, done: true };
  }

  // The timer lives only inside next(), so that a watch nobody awaits does not keep the process alive. It polls, since
  // fs.watch sees nothing of what happens behind a bind mount or a replaced link.
  #pause() {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#signal?.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, this.#interval);
      this.#signal?.addEventListener("abort", wake, { once: true });
      this.#wake = wake;
    });
  }
}

function watchSecret(name, options) {
  return new SecretWatch(name, options);
}

module.exports = { watchSecret };
