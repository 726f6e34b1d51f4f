// A schema registry with Confluent's REST interface (Confluent documentation, "Schema Registry API Reference", GET /schemas/ids/{id}).
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { parseAvroSchema } from "./decode/avro-schema.ts";
import type { ConnectSchema } from "./decode/connect-schema.ts";
import { DecodeFailure } from "./decode/decode-failure.ts";
import type { HttpAddress } from "../../engine/model/server-address.ts";
import { askHttp, type HttpAnswer } from "./http-question.ts";

const accept = "application/vnd.schemaregistry.v1+json, application/json";

/** Schemas by their ids, which never change their meaning: each is asked for once. */
export class SchemaRegistry {
  readonly #address: HttpAddress;
  readonly #known = new Map<number, ConnectSchema>();

  constructor(address: HttpAddress) {
    this.#address = address;
  }

  get(id: number): ConnectSchema | null {
    return this.#known.get(id) ?? null;
  }

  /** Fetches what is not known yet. */
  async load(ids: Iterable<number>): Promise<void> {
    for (const id of ids) if (!this.#known.has(id)) this.#known.set(id, await this.#fetch(id));
  }

  async #fetch(id: number): Promise<ConnectSchema> {
    const subject = `schema ${id} of the registry`;
    const answer = await this.#ask(id, subject);
    try {
      return parseAvroSchema(schemaOf(JSON.parse(answer), subject));
    } catch (error) {
      if (error instanceof DecodeFailure) throw new ReplicationError(error.code, { subject, ...error.facts }, { cause: error });
      if (error instanceof ReplicationError) throw error;
      throw new ReplicationError("DB-KAF-111", { subject, cause: "the registry's answer could not be read" }, { cause: error });
    }
  }

  async #ask(id: number, subject: string): Promise<string> {
    let answer: HttpAnswer;
    try {
      answer = await askHttp(this.#address, { path: `/schemas/ids/${id}`, accept, untrusted: { code: "DB-KAF-115", subject } });
    } catch (error) {
      if (error instanceof ReplicationError) throw error;
      throw new ReplicationError("DB-KAF-111", { subject }, { cause: error });
    }
    const { status, body } = answer;
    if (status >= 200 && status < 300) return body;
    const cause = `the registry answered with status ${status}`;
    if (status === 404) throw new ReplicationError("DB-KAF-113", { subject, ...apicurioHint(id) });
    if (status === 401 || status === 403) throw new ReplicationError("DB-KAF-112", { subject, cause });
    throw new ReplicationError("DB-KAF-111", { subject, cause });
  }
}

/** Apicurio's own ids have 8 bytes, of which the first 4 are zero for the next four thousand million schemas. */
function apicurioHint(id: number): { cause?: string; remedy?: string } {
  if (id !== 0) return {};
  return {
    cause: "the record seems to carry an id of 8 bytes, as Apicurio's converter writes it by default",
    remedy: "Set `as-confluent=true` at the connector's converter, then make a new snapshot",
  };
}

function schemaOf(answer: unknown, subject: string): string {
  const { schema, schemaType, references } = (answer ?? {}) as Record<string, unknown>;
  if (schemaType !== undefined && schemaType !== "AVRO") {
    throw new ReplicationError("DB-KAF-114", { subject, cause: "the schema is none of Avro" });
  }
  if (Array.isArray(references) && references.length > 0) {
    throw new ReplicationError("DB-KAF-114", { subject, cause: "the schema refers to other schemas" });
  }
  if (typeof schema !== "string") throw new ReplicationError("DB-KAF-111", { subject, cause: "the registry's answer holds no schema" });
  return schema;
}
