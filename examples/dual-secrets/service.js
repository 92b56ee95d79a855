// An HTTP service that accepts the current and the previous API key, so that callers change theirs when they like.
//
// Usage: node service.js PORT. It reads /run/secrets/api_key_current and api_key_previous at each request.

const http = require("node:http");
const { validatePassword } = require("strongroom");

http
  .createServer((request, response) => {
    const valid = validatePassword(request.headers["x-api-key"] ?? "", "api_key");
    response.writeHead(valid ? 200 : 401).end(valid ? "welcome\n" : "unknown key\n");
  })
  .listen(Number(process.argv[2]), "127.0.0.1");
