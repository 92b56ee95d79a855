"use strict";

const errors = require("./lib/errors.js");
const reader = require("./lib/reader.js");
const { watchSecret } = require("./lib/watch.js");

module.exports.getSecret = reader.getSecret;
module.exports.getSecretBytes = reader.getSecretBytes;
module.exports.getValidSecrets = reader.getValidSecrets;
module.exports.validatePassword = reader.validatePassword;
module.exports.watchSecret = watchSecret;
module.exports.SecretError = errors.SecretError;
module.exports.InvalidNameError = errors.InvalidNameError;
module.exports.NotTextError = errors.NotTextError;
module.exports.SecretNotFoundError = errors.SecretNotFoundError;
module.exports.SecretUnreadableError = errors.SecretUnreadableError;
