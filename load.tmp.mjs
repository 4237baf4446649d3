import { loadConfig } from "./dist/config/load.js";
const t=process.cpuUsage(); const t0=performance.now(); const r=await loadConfig(process.argv[2],{env:process.env,secrets:"optional"}); const c=process.cpuUsage(t); console.log("load", (performance.now()-t0|0)+"ms", ((c.user+c.system)/1e3|0)+"ms cpu", r.config.routes.length);
