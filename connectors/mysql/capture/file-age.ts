// When a binary log file was begun: the time of its first event, which only a dump shows.
import type { Micros } from "../../../engine/model/change-message.ts";
import { eventType, peekType } from "../decode/binlog-event.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { BinlogConnection } from "./binlog-connection.ts";
import { encodeDump } from "./dump-command.ts";

/** Takes the session and drops it. Rejects with what the server answered. */
export async function fileBegunAt(session: MysqlSession, request: { readonly file: string; readonly serverId: number }): Promise<Micros> {
  await session.query("SET @mariadb_slave_capability = 4, @master_binlog_checksum = 'CRC32', @source_binlog_checksum = 'CRC32'");
  const connection = new BinlogConnection(session);
  try {
    return await new Promise<Micros>((resolve, reject) => {
      const events = {
        event: (bytes: Buffer) => {
          if (peekType(bytes) === eventType.formatDescription) resolve(bytes.readUInt32LE(0) * 1_000_000);
        },
        readEnded: () => {},
        ended: reject,
      };
      // A dump that waited would be there, on an idle server, long after we have gone: it looks for us only when it sends.
      connection.start(encodeDump(request.serverId, { file: request.file, offset: 4 }, false), events).catch(reject);
    });
  } finally {
    connection.destroy();
  }
}
