// Bringing an empty copy up to the end of a topic of Debezium's: dongbo against Debezium's own JDBC sink on Kafka Connect, into the
// same server. `npm run bench:debezium-sink` has more to choose from: other tunings of the sink, many copies, partitions.
import { Capture } from "../debezium-sink/capture-topic.ts";
import { type Content, wholeTransactions } from "../debezium-sink/register.ts";
import { runDongbo } from "../debezium-sink/run-dongbo.ts";
import { runSink } from "../debezium-sink/run-sink.ts";
import { fastestTuning } from "../debezium-sink/sink-tunings.ts";
import { type Run, Stand } from "../debezium-sink/stand.ts";
import { kafkaVersions } from "../debezium-sink/versions.ts";
import { serverSeconds } from "../suite/process-usage.ts";
import { type PreparedWorkload, type Sample, type Side, type Size, wallTime, type Workload } from "../suite/workload.ts";

/** A topic that large takes the sink minutes in every round, and more would tell nothing new. */
const eventsMax = 200_000;

export const kafkaJdbc: Workload = {
  name: "kafka-jdbc",
  title: "bringing an empty copy up to the end of a Debezium topic",
  anchor: "Debezium JDBC sink",
  unit: "changes",
  scores: [
    wallTime("kafka-jdbc", { must: 3, aim: 5 }),
    { name: "kafka-jdbc-memory", unit: "MB", goal: { must: 4, aim: 8 }, value: ({ rssPeakMb }) => rssPeakMb },
  ],
};

export async function prepareKafkaJdbc(size: Size): Promise<PreparedWorkload> {
  const stand = await Stand.start();
  try {
    return await prepareOn(stand, size);
  } catch (error) {
    await stand[Symbol.asyncDispose]();
    throw error;
  }
}

async function prepareOn(stand: Stand, { changes }: Size): Promise<PreparedWorkload> {
  const events = wholeTransactions(Math.min(changes, eventsMax));
  const capture = await Capture.start(stand, { name: "captured", events, partitions: 1, parts: [] });
  const { topic, whole } = capture.captured;
  const read = async (side: Side, name: string): Promise<{ run: Run; content: Content | undefined }> => {
    if (side === "anchor") return runSink(stand, { name, topic, tuning: fastestTuning });
    const { run, contents } = await runDongbo(stand, { name, topic, transactions: true, parts: null });
    return { run, content: contents[0] };
  };
  let round = 0;
  return {
    versions: kafkaVersions(),
    before: (number) => {
      round = number;
      return Promise.resolve();
    },
    measure: async (side): Promise<Sample> => {
      const before = brokerSeconds(stand);
      const { run, content } = await read(side, `${side}_${round}`);
      return {
        // The sink's worker is up before its connector is asked for, as it is where copies are kept; dongbo's start is its own.
        seconds: side === "dongbo" ? run.wholeSeconds : run.workSeconds,
        engineSeconds: run.workSeconds,
        units: events,
        cpu: { engine: run.cpuSeconds, source: brokerSeconds(stand) - before, target: run.serverCpuSeconds },
        rssPeakMb: run.peakMb,
        memory: run.memory,
        progress: [],
        digestEqual: content?.digest === whole.digest,
        latenciesMs: [],
        notes: [],
      };
    },
    [Symbol.asyncDispose]: async () => {
      await capture[Symbol.asyncDispose]();
      await stand[Symbol.asyncDispose]();
    },
  };
}

function brokerSeconds({ broker }: Stand): number {
  return broker.pid === null ? 0 : serverSeconds(broker.pid);
}
