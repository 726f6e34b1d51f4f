import { serverName } from "../support/mysql-server.ts";
import { describeComparedTable } from "./compared-table.ts";

describeComparedTable(`${serverName} with ${serverName}`, { from: "mysql", to: "mysql" });
describeComparedTable(`PostgreSQL with ${serverName}`, { from: "postgres", to: "mysql" });
describeComparedTable(`${serverName} with PostgreSQL`, { from: "mysql", to: "postgres" });
