extension Seeds {
    /// Inputs of targets that read text.
    static let texts: [String: [String]] = [
        "offset-checkpoint": ["0\n2\nt 0 5\nu 1 0\n", "0\n0\n", ""],
        "meta-properties": [
            "#\ncluster.id=c\nversion=1\nnode.id=1\ndirectory.id=AAAAAAAAAAEAAAAAAAAAAg\n",
            "version=0\nbroker.id=3\n",
        ],
        "partition-metadata": ["version: 0\ntopic_id: AAAAAAAAAAEAAAAAAAAAAg"],
        "epoch-checkpoint": ["0\n2\n0 0\n3 17\n", "0\n0\n"],
        "clean-shutdown": ["{\"version\":0,\"brokerEpoch\":12}", ""],
        "directory-names": [
            "00000000000000000017.log\n00000000000000000000.timeindex.swap\n5.snapshot.deleted",
            "t-0\na-b-12\nt-0.0123456789abcdef0123456789abcdef-delete\n"
                + "t-1.0123456789abcdef0123456789abcdef-future",
        ],
        "quorum-state": [
            "{\"leaderId\":1,\"leaderEpoch\":5,\"votedId\":-1,"
                + "\"votedDirectoryId\":\"AAAAAAAAAAEAAAAAAAAAAg\",\"data_version\":1}",
            "{\"clusterId\":\"\",\"leaderId\":1,\"leaderEpoch\":2,\"votedId\":2,"
                + "\"appliedOffset\":0,\"currentVoters\":[{\"voterId\":1},{\"voterId\":2}],"
                + "\"data_version\":0}",
        ],
        "security-properties": [
            "\u{1}\u{0}\u{0}org.x.PlainLoginModule required username=\"a\" password='b\\'c';",
            "\u{1}\u{1}\u{0}x.ScramLoginModule required\n username=a password=b;",
            "\u{2}\u{0}\u{7f}\u{0}\u{6}\u{0}\u{6}\u{3}\u{4}\u{6}",
        ],
        "topic-pattern": [
            "a.*b\nab\naxb", "(?i)foo|ba[r-z]{1,3}\nFOO\nbar", "\\d+\\.[[:alpha:]]\\p{Greek}\n1.a",
            "(?:x|y)*?z$\nxyz", "^\\Qa.b\\E\\x{41}\n",
        ],
        "properties": [
            "# c\na=b\n c : d\\\n  e\nf\\u0041=\\t g\n!\nk", "a\\ b=\\\\\n\\=x=y",
        ],
        "node-config": [
            "process.roles=broker,controller\nnode.id=1\n"
                + "controller.quorum.voters=1@localhost:9093\n"
                + "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
                + "controller.listener.names=CONTROLLER\n"
                + "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n"
                + "log.dirs=/tmp/a,/tmp/b\nlog.retention.hours=5\nmartlet.memory.max=100000000",
            "process.roles=broker\nnode.id=2\nlisteners=PLAINTEXT://[::1]:9092\n"
                + "controller.quorum.bootstrap.servers=h:1\ncontroller.listener.names=C\n"
                + "max.connections.per.ip.overrides=127.0.0.1:5\nlog.roll.ms=3",
        ],
        "topic-config": [
            "retention.ms=1000\ncleanup.policy=compact,delete\ncompression.type=zstd\n"
                + "min.cleanable.dirty.ratio=0.5\nsegment.bytes=1048576",
            "local.retention.ms=1\nleader.replication.throttled.replicas=0:1,2:3",
        ],
        "client-config": [
            "bootstrap.servers=a:1,[::1]:2,PLAINTEXT://c:3\nclient.id=x\nacks=all\n"
                + "linger.ms=5\ncompression.type=lz4\ncompression.lz4.level=3\nbatch.size=100",
            "bootstrap.servers=a:1\ngroup.id=g\ngroup.protocol=consumer\n"
                + "isolation.level=read_committed\nauto.offset.reset=none\nfetch.max.bytes=10\n"
                + "partition.assignment.strategy=range,cooperative-sticky",
        ],
    ]
}
