// One line for each destination type; the name is that of its folder, and of `type:` in the configuration.
export { console } from "./console/index.ts";
export { email } from "./email/index.ts";
export { slack } from "./slack/index.ts";
export { teams } from "./teams/index.ts";
export { webhook } from "./webhook/index.ts";
