/// Batches that wait, in order. With small batches there are thousands: adding one, looking at the
/// first and taking it take constant time.
struct BatchLine: Sequence {
    /// Nothing in the places of those that have been taken, which are before `head`.
    private var places: [ProducerBatch?] = []
    private var head = 0

    var count: Int { places.count - head }
    var isEmpty: Bool { count == 0 }
    var first: ProducerBatch? { isEmpty ? nil : places[head] }

    /// Those at the end that have not been written as bytes, oldest first: sealing goes in order.
    var unsealed: some Sequence<ProducerBatch> {
        let sealed = places[head...].lastIndex { $0?.isSealed ?? true }
        return places[(sealed.map { $0 + 1 } ?? head)...].lazy.compactMap(\.self)
    }

    func makeIterator() -> some IteratorProtocol<ProducerBatch> {
        places[head...].lazy.compactMap(\.self).makeIterator()
    }

    mutating func append(_ batch: ProducerBatch) { places.append(batch) }

    mutating func removeFirst() {
        places[head] = nil
        head += 1
        // The empty places go when they are half of all, so that each batch is moved once at most.
        guard head * 2 >= places.count else { return }
        places.removeFirst(head)
        head = 0
    }

    mutating func remove(_ batch: ProducerBatch) {
        guard let place = places[head...].firstIndex(where: { $0 === batch }) else { return }
        places.remove(at: place)
    }
}
