/// Collects the answers to several questions that this loop has asked, in their order.
final class AnswerCollector<Answer> {
    private var answers: [Answer?]
    private var missing: Int
    private let done: ([Answer]) -> Void

    /// Calls `done` once all are there: at once when there are none.
    init(count: Int, done: @escaping ([Answer]) -> Void) {
        answers = Array(repeating: nil, count: count)
        missing = count
        self.done = done
        if count == 0 { done([]) }
    }

    /// Takes the answer to the question of that number, which comes once.
    func set(_ index: Int, _ answer: Answer) {
        answers[index] = answer
        missing -= 1
        if missing == 0 { done(answers.compactMap { $0 }) }
    }
}
