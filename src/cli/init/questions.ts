import { Instance } from "../../config/schema.ts";
import { TLP, type Tlp } from "../../model/vocabulary.ts";
import { Feed } from "../../sources/index.ts";
import type { Prompter } from "./ask.ts";
import { askChannel, CHANNELS, type Channel, fits, listOf, optionally, type Standard } from "./channel.ts";
import type { Answers } from "./document.ts";
import { probeApi, probeFeed } from "./probe.ts";

/** What the command line says already; Enter takes it. */
export interface Given extends Standard {
  readonly url?: string | undefined;
  readonly endpoints?: readonly string[] | undefined;
  readonly username?: string | undefined;
  readonly type?: Channel | undefined;
  readonly maxTlp?: Tlp | undefined;
  readonly audience?: readonly string[] | undefined;
}

/** What a TLP as limit means, in a few words. */
const MEANINGS: Readonly<Record<Tlp, string>> = {
  clear: "only what the whole world may know",
  green: "what the community may know",
  amber: "what your organisation and its clients may know",
  "amber+strict": "what your organisation may know, and nobody else",
  red: "everything, also what is meant for named persons only",
};

/** A level as people write it, such as `TLP:AMBER`. */
export function tlpNamed(text: string): Tlp | undefined {
  const bare = text
    .trim()
    .toLowerCase()
    .replace(/^tlp:\s*/, "");
  return TLP.find((level) => level === (bare === "white" ? "clear" : bare));
}

/** Asks everything, and tests what can be tested at once. */
export async function askAnswers(asker: Prompter, given: Given, listenMs: number): Promise<Answers> {
  asker.say("\nYour MISP. Alerts link to its address, and its REST API is there.");
  const url = await asker.ask("Its address, e.g. https://misp.example.org (Enter: none)", {
    standard: given.url,
    check: optionally(fits(Instance.shape.url)),
  });
  const feed = await askFeed(asker, given, url, listenMs);
  const access = url === "" ? {} : await askApi(asker, url);
  if (url === "") {
    asker.say(`Without an address there is no API key either: ${WITHOUT_KEY}`);
  }

  asker.say("\nWho is told");
  const type = await asker.choose("Where do alerts go?", CHANNELS, given.type ?? "console");
  const options = await askChannel(type, asker, given);
  asker.say("\nWhat they may see: the strictest TLP that is told there. What is above it never leaves.");
  const maxTlp = await asker.choose(
    "Up to which TLP?",
    TLP.map((value) => ({ value, text: MEANINGS[value] })),
    given.maxTlp ?? "amber",
    tlpNamed,
  );
  asker.say(
    '\nWho reads it? Organisations, as MISP names them, separated by commas: what is for\n"your organisation only", or for their sharing groups, is told only then.',
  );
  const audience = await asker.ask("Organisations (Enter: none)", { standard: given.audience?.join(", ") });
  return {
    ...(url !== "" && { url }),
    ...access,
    ...feed,
    destination: { type, options },
    maxTlp,
    audience: audience
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== ""),
  };
}

async function askFeed(asker: Prompter, given: Given, url: string, listenMs: number) {
  const host = url === "" ? "127.0.0.1" : new URL(url).hostname;
  let endpointsText = given.endpoints?.join(" ") ?? `tcp://${host}:50000`;
  let username = given.username ?? "";
  let password = "";
  asker.say("\nIts ZeroMQ feed: Plugin.ZeroMQ_host and _port in MISP; several addresses with blanks between.");
  for (;;) {
    endpointsText = await asker.ask("Address of the feed", {
      standard: endpointsText,
      check(text) {
        const problem = Feed.safeParse({ type: "zeromq", endpoints: listOf(text) }).error?.issues[0]?.message;
        return problem === undefined ? undefined : `It ${problem}.`;
      },
    });
    const text = await asker.ask(username === "" ? "Its user name (Enter: none)" : "Its user name (- for none)", {
      standard: username,
    });
    username = text === "-" ? "" : text;
    password =
      username === ""
        ? ""
        : await asker.ask("Its password", {
            secret: true,
            standard: password,
            check: (typed) => (typed === "" ? "A user name needs its password." : undefined),
          });
    const endpoints = listOf(endpointsText);
    const access = username === "" ? {} : { username, password };
    asker.write("Listening to the feed; MISP says something every 10 s ");
    const { good, text: found } = await probeFeed({ endpoints, ...access }, listenMs, asker.signal, () =>
      asker.write("."),
    );
    asker.say(`\n${found}`);
    if (good || !(await asker.confirm("Other answers? n keeps these", true))) {
      return { endpoints, ...(username !== "" && { username, password: { name: "zmq_password", value: password } }) };
    }
  }
}

const WITHOUT_KEY =
  "what the feed leaves open about an event stays unknown, and is not told (README, “Which kinds can pass a guard”).";

async function askApi(asker: Prompter, url: string) {
  let value = "";
  let caFile = "";
  asker.say("\nWith an API key, MISP is asked about what the feed tells too little of, and what it missed.");
  for (;;) {
    value = await asker.ask("API key of a user who only reads (Enter: none)", {
      secret: true,
      standard: value,
      check: optionally(fits(Instance.shape.api_key)),
    });
    if (value === "") {
      asker.say(`Without a key, ${WITHOUT_KEY}`);
      return {};
    }
    asker.say("Asking MISP …");
    const ca = caFile === "" ? {} : { caFile };
    const { good, text, reason } = await probeApi({ url, apiKey: value, ...ca }, asker.signal);
    asker.say(text);
    if (good || !(await asker.confirm("Other answers? n keeps these", true))) {
      return { apiKey: { name: "misp_api_key", value }, ...ca };
    }
    if (reason === "tls" || reason === "ca-file-unreadable") {
      caFile = await asker.ask("PEM file with the authority of MISP's certificate (Enter: none)", { standard: caFile });
    }
  }
}
