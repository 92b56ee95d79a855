"use strict";

class SecretError extends Error {
  constructor(message, code) {
    super(message);
    this.name = new.target.name;
    this.code = code;
  }
}

class SecretNotFoundError extends SecretError {
  constructor(secret, places) {
    super(
      `secret '${secret}' not found: ${places.join("; ")}. Grant it to this service (Compose and Swarm: ` +
        "services.<service>.secrets; a plain process: strongroom run), or set one of these variables.",
      "SECRET_NOT_FOUND",
    );
    this.secret = secret;
    this.places = places;
  }
}

class InvalidNameError extends SecretError {
  constructor(secret) {
    super(
      `${JSON.stringify(secret)} is not a secret's name: give one without '/', '\\' or NUL, as in 'db_password'.`,
      "SECRET_INVALID_NAME",
    );
  }
}

class SecretUnreadableError extends SecretError {
  constructor(message, code = "SECRET_UNREADABLE") {
    super(message, code);
  }
}

class NotTextError extends SecretUnreadableError {
  constructor(place) {
    super(`the secret in ${place} is not UTF-8 text. Read it with getSecretBytes.`, "SECRET_NOT_TEXT");
  }
}

module.exports = { SecretError, SecretNotFoundError, InvalidNameError, SecretUnreadableError, NotTextError };
