import { z } from "zod";
import { console } from "./console/index.ts";
import { email } from "./email/index.ts";
import { slack } from "./slack/index.ts";
import { teams } from "./teams/index.ts";
import { webhook } from "./webhook/index.ts";

/** Every destination type, by the name that `type:` has in the configuration. */
export const REGISTRY = { console, email, slack, teams, webhook } as const;

/** Names that `type:` of a destination may have. */
export const DESTINATION_TYPES = Object.keys(REGISTRY);

/** One entry of `destinations:`; parses to a ConfiguredDestination. */
export const DestinationEntry = z.discriminatedUnion("type", [
  REGISTRY.console,
  REGISTRY.email,
  REGISTRY.slack,
  REGISTRY.teams,
  REGISTRY.webhook,
]);
