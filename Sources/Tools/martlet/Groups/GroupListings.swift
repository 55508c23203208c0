import MartletClient

/// `consumer-groups --list`.
enum GroupListings {
    static func run(
        _ options: ParsedOptions, _ states: [GroupState], _ types: [GroupType],
        _ cluster: AdminSession, _ console: Console
    ) throws {
        let (stateNames, typeNames) = (states.map(\.rawValue), types.map(\.rawValue))
        let groups = try cluster.ask {
            try await $0.listGroups(states: stateNames, types: typeNames)
        }.filter { group in
            // Brokers before KIP-848 pass over the filter.
            group.isOfConsumers && group.groupType.map(types.contains) ?? true
        }
        if options.has("--json") {
            console.print(JSON.array(groups.map(json)).text)
            return
        }
        let showsType = options.has("--type")
        let showsState = options.has("--state")
        guard showsType || showsState else {
            for group in groups { console.print(group.id) }
            return
        }
        let width = TextColumns.width(groups.map(\.id), atLeast: 15) + 10
        func line(_ id: String, _ type: String, _ state: String) {
            let cells = [id] + (showsType ? [type] : []) + (showsState ? [state] : [])
            console.print(TextColumns.row(cells, [width, 20, 20]))
        }
        line("GROUP", "TYPE", "STATE")
        for group in groups { line(group.id, group.typeName, group.stateName) }
    }

    /// A group as `--json` prints it.
    static func json(_ group: GroupListing) -> JSON {
        .object([
            ("group", .string(group.id)), ("type", .string(group.typeName)),
            ("protocol", .string(group.protocolType)), ("state", .string(group.stateName)),
        ])
    }
}
