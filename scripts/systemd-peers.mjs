// What misp-herald talks to in test-systemd.sh: MISP's feed on port 50000, and a webhook on 8080 that can be told what to do.
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const [repository, secretFile] = process.argv.slice(2);
const { XPublisher } = createRequire(`${repository}/package.json`)("zeromq");
const sample = JSON.parse(
  readFileSync(`${repository}/test/fixtures/frames/misp_json--publish-first-time.json`, "utf8"),
);
const publisher = new XPublisher({ linger: 0, sendHighWaterMark: 0, verbosity: "allSubsUnsubs" });
await publisher.bind("tcp://127.0.0.1:50000");
let subscribers = 0;
void (async () => {
  for await (const [message] of publisher) {
    subscribers += message[0] === 1 ? 1 : -1;
  }
})();

let mode = "good";
const told = [];
let forged = 0;
const hanging = [];

function isSigned(headers, body) {
  const key = Buffer.from(readFileSync(secretFile, "utf8").trim().slice("whsec_".length), "base64");
  const text = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  return headers["webhook-signature"] === `v1,${createHmac("sha256", key).update(text).digest("base64")}`;
}

async function publish(first, last) {
  const { Event } = sample.payload;
  for (let n = first; n <= last; n++) {
    const uuid = `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
    await publisher.send(
      `misp_json ${JSON.stringify({ ...sample.payload, Event: { ...Event, id: String(n), uuid } })}`,
    );
  }
}

createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://peers");
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) {
    body += chunk;
  }
  const end = (value) => response.end(`${JSON.stringify(value)}\n`);
  switch (pathname) {
    case "/hook": {
      if (mode === "refuse") {
        return response.writeHead(403).end();
      }
      if (mode === "hang") {
        return void hanging.push(response);
      }
      if (!isSigned(request.headers, body)) {
        forged++;
      }
      for (const { event } of JSON.parse(body).entries) {
        if (event) {
          told.push(Number(event.uuid.slice(-12)));
        }
      }
      return response.end();
    }
    case "/publish":
      await publish(Number(searchParams.get("from")), Number(searchParams.get("to")));
      return end("sent");
    case "/mode":
      mode = searchParams.get("is");
      if (mode !== "hang") {
        for (const held of hanging.splice(0)) {
          held.destroy();
        }
      }
      return end(mode);
    default: {
      const different = new Set(told);
      return end({
        subscribers,
        requests: told.length,
        told: different.size,
        max: Math.max(0, ...told),
        forged,
        hanging: hanging.length,
      });
    }
  }
}).listen(8080, "127.0.0.1");
