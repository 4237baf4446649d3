import { openHttpServer } from "./http-server.ts";
import { judgeMessage } from "./teams-card.ts";

/** One run of the flow: what would be found in its history. */
export interface Run {
  readonly body: string;
  readonly problems: readonly string[];
}

/** A flow of Power Automate with the trigger of a Workflows webhook, on a free port of this machine. */
export interface TeamsServer extends AsyncDisposable {
  /** With the signature in it, as Power Automate shows it. */
  readonly url: string;
  /** A flow has run, or not, when its trigger has answered. */
  readonly runs: readonly Run[];
}

const PATH =
  "/powerautomate/automations/direct/workflows/0f1e2d3c4b5a49688776655443322110/triggers/manual/paths/invoke" +
  "?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=";

/** Answers 202 to whatever has the right signature, and judges only then, as the real one does. */
export async function openTeamsServer(signature: string): Promise<TeamsServer> {
  const server = await openHttpServer();
  const runs: Run[] = [];
  server.answer((response) => {
    const request = server.requests.at(-1);
    const refuse = (status: number, code: string) =>
      response
        .writeHead(status, { "content-type": "application/json; charset=utf-8" })
        .end(JSON.stringify({ error: { code, message: "x" } }));
    const asked = new URL(request?.path ?? "", server.origin);
    if (!asked.searchParams.has("api-version")) {
      refuse(400, "MissingApiVersionParameter");
    } else if (request?.method !== "POST" || request.path !== `${PATH}${signature}`) {
      refuse(401, "DirectApiAuthorizationRequired");
    } else if (!/^application\/json; ?charset=utf-8$/.test(request.headers["content-type"] ?? "")) {
      refuse(400, "InvalidRequestContent");
    } else {
      response.writeHead(202).end();
      const body = request.body.toString();
      runs.push({ body, problems: judgeMessage(body) });
    }
  });
  return {
    url: `${server.origin}${PATH}${signature}`,
    runs,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
