import KafkaProtocol
import KafkaWire
import LogStorage
import Replication

/// The replica fetchers of one event loop.
extension BrokerLoop {
    /// Brings this loop's fetchers in line with the view.
    func follow() {
        for (id, plan) in view.fetchers.plans.sorted(by: { $0.key < $1.key })
        where owner(of: id) == index {
            if let fetcher = fetchers[id] {
                guard fetcher.version != plan.version else {
                    fetcher.viewChanged(on: self)
                    continue
                }
                fetcher.adopt(plan, on: self)
            } else if !plan.partitions.isEmpty {
                let fetcher = ReplicaFetcher(id)
                fetchers[id] = fetcher
                fetcher.adopt(plan, on: self)
            }
            if plan.partitions.isEmpty { fetchers[id] = nil }
        }
    }

    /// Fetchers are spread over the loops.
    private func owner(of id: FetcherID) -> Int32 {
        let place = UInt32(bitPattern: id.leader.rawValue) &+ UInt32(bitPattern: id.number)
        return Int32(place % UInt32(max(1, limits.loopCount)))
    }

    /// Resumes `fetcher` at an instant.
    func wake(_ fetcher: ReplicaFetcher, at instant: Int64) {
        let ticket = newTicket()
        resumptions[ticket.request] = fetcher
        deadlines.add(ticket.request, at: instant)
    }
}
