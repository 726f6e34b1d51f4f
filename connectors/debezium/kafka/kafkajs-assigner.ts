// Spreads slices among the members of a group as kafkajs asks for it.
import { AssignerProtocol, type PartitionAssigner } from "kafkajs";
import { assignSlices, assignmentProtocol, printClaim, readClaim } from "./slice-assignment.ts";

const { MemberMetadata, MemberAssignment } = AssignerProtocol;
/** Of Kafka's consumer protocol: the fields that kafkajs writes. */
const version = 0;

export interface SliceAssignerOptions {
  readonly slices: number;
  /** What this member owns now. */
  readonly owned: () => readonly number[];
  /** Told as the leader, each time before the members are: how many share the slices. */
  readonly met: (members: number) => void;
}

export function sliceAssigner({ slices, owned, met }: SliceAssignerOptions): PartitionAssigner {
  return ({ cluster }) => ({
    name: assignmentProtocol,
    version,
    protocol: ({ topics }) => ({
      name: assignmentProtocol,
      metadata: MemberMetadata.encode({ version, topics, userData: Buffer.from(printClaim(owned())) }),
    }),
    async assign({ members, topics }) {
      met(members.length);
      const claims = members.map(({ memberId, memberMetadata }) => {
        return { memberId, owned: readClaim(String(MemberMetadata.decode(memberMetadata)?.userData ?? "")) };
      });
      const partitions = topics.map((topic) => {
        return [topic, cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)] as const;
      });
      const spread = [...assignSlices(claims, slices)].map(([memberId, own]) => {
        const of = partitions.map(([topic, all]) => [topic, all.filter((partition) => own.includes(partition % slices))] as const);
        const assignment = Object.fromEntries(of.map(([topic, some]) => [topic, [...some]]));
        return { memberId, memberAssignment: MemberAssignment.encode({ version, assignment, userData: Buffer.alloc(0) }) };
      });
      return Promise.resolve(spread);
    },
  });
}
