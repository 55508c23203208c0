import MartletClient

let producer = try Producer(bootstrap: "localhost:9092")
let place = try await producer.send("hello, bird", to: "greetings")
print("written to partition \(place.partition)")
try await producer.close()

let consumer = try Consumer(bootstrap: "localhost:9092") { $0.offsetReset = .earliest }
try await consumer.assign(topic: "greetings")
for try await record in consumer.records {
    print(record.offset, String(decoding: record.value ?? [], as: UTF8.self))
}
