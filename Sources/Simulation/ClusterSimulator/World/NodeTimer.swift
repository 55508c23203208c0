/// When a part of a node's process is to be woken next. The earliest instant that was asked for
/// counts; what it has overtaken passes.
final class NodeTimer {
    private var instant = Int64.max

    /// Has `action` run at `next`, in monotonic ns of the node, unless it is to run earlier; `nil`
    /// changes nothing.
    func set(
        _ next: Int64?, on node: SimulatedNode, _ generation: Int, _ action: @escaping () -> Void
    ) {
        guard let next, next < instant else { return }
        instant = next
        node.after(node.timeUntil(next), generation) { [self] in
            guard instant == next else { return }
            instant = .max
            action()
        }
    }
}
