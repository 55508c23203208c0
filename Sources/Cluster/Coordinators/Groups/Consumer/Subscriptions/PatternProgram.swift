/// A pattern as instructions that lead from one to the next (Thompson 1968).
struct PatternProgram: Sendable {
    enum Instruction {
        /// Takes a character of the set.
        case take(CharacterSet, then: Int)
        case require(PatternAssertion, then: Int)
        case either(Int, or: Int)
        case match
    }

    private(set) var instructions: [Instruction] = [.match]
    private(set) var start = 0
    /// Bounds the time that nested repetitions of nothing would take.
    private var work = 0

    init(_ node: PatternNode) throws(TopicPatternError) {
        start = try write(node, then: 0)
    }

    /// Writes what matches `node` and goes on at `next`; where it begins.
    private mutating func write(
        _ node: PatternNode, then next: Int
    ) throws(TopicPatternError) -> Int {
        work += 1
        guard work <= TopicPattern.maxInstructions else {
            throw TopicPatternError("expression too large")
        }
        switch node {
        case .empty: return next
        case .characters(let set): return add(.take(set, then: next))
        case .assertion(let assertion): return add(.require(assertion, then: next))
        case .sequence(let nodes):
            var place = next
            for node in nodes.reversed() { place = try write(node, then: place) }
            return place
        case .choice(let branches):
            var place: Int?
            for branch in branches.reversed() {
                let begin = try write(branch, then: next)
                place = place.map { add(.either(begin, or: $0)) } ?? begin
            }
            return place ?? next
        case .repeated(let node, let min, let max):
            return try writeRepeated(node, min, max, then: next)
        }
    }

    private mutating func writeRepeated(
        _ node: PatternNode, _ min: Int, _ max: Int?, then next: Int
    ) throws(TopicPatternError) -> Int {
        var place = next
        if let max {
            for _ in min..<max { place = add(.either(try write(node, then: place), or: next)) }
        } else {
            let loop = add(.either(next, or: next))
            instructions[loop] = .either(try write(node, then: loop), or: next)
            place = loop
        }
        for _ in 0..<min { place = try write(node, then: place) }
        return place
    }

    private mutating func add(_ instruction: Instruction) -> Int {
        instructions.append(instruction)
        return instructions.count - 1
    }
}

/// Matches names against one pattern, building a deterministic automaton as it goes.
public struct TopicMatcher {
    /// Most states that are kept; beyond it the automaton is begun anew.
    static let maxStates = 500

    /// What stands before a place in the name.
    private enum Before: Hashable {
        case nothing, wordCharacter, otherCharacter
    }

    private struct State: Hashable {
        var places: [Int]
        var before: Before
    }

    private static let unknown: Int32 = -1
    private let program: PatternProgram
    private var numbers: [State: Int32] = [:]
    private var states: [State] = []
    /// By state and character, the next state.
    private var steps: [Int32] = []

    init(_ program: PatternProgram) { self.program = program }

    /// Whether the pattern matches all of `name`.
    public mutating func matches(_ name: String) -> Bool {
        var state = number(of: State(places: [program.start], before: .nothing))
        for byte in name.utf8 {
            guard byte < 128 else { return false }
            let slot = Int(state) * 128 + Int(byte)
            state = steps[slot] == Self.unknown ? learn(state, byte) : steps[slot]
            if states[Int(state)].places.isEmpty { return false }
        }
        return closure(states[Int(state)], next: nil).contains {
            if case .match = program.instructions[$0] { true } else { false }
        }
    }

    private mutating func learn(_ number: Int32, _ byte: UInt8) -> Int32 {
        let state = states[Int(number)]
        var places: Set<Int> = []
        for place in closure(state, next: byte) {
            if case .take(let set, let then) = program.instructions[place], set.contains(byte) {
                places.insert(then)
            }
        }
        let isWord = CharacterSet.word.contains(byte)
        let before: Before = isWord ? .wordCharacter : .otherCharacter
        let full = states.count >= Self.maxStates
        let next = self.number(of: State(places: places.sorted(), before: before))
        if !full { steps[Int(number) * 128 + Int(byte)] = next }
        return next
    }

    private mutating func number(of state: State) -> Int32 {
        if let number = numbers[state] { return number }
        if states.count >= Self.maxStates {
            numbers.removeAll()
            states.removeAll()
            steps.removeAll()
        }
        let number = Int32(states.count)
        numbers[state] = number
        states.append(state)
        steps += repeatElement(Self.unknown, count: 128)
        return number
    }

    /// All instructions that can be reached without taking a character.
    private func closure(_ state: State, next: UInt8?) -> Set<Int> {
        var reached: Set<Int> = []
        var open = state.places
        while let place = open.popLast() {
            guard reached.insert(place).inserted else { continue }
            switch program.instructions[place] {
            case .take, .match: break
            case .either(let one, let other): open += [one, other]
            case .require(let assertion, let then):
                if holds(assertion, state.before, next) { open.append(then) }
            }
        }
        return reached
    }

    private func holds(_ assertion: PatternAssertion, _ before: Before, _ next: UInt8?) -> Bool {
        let isWordNext = next.map { CharacterSet.word.contains($0) } ?? false
        let isBoundary = (before == .wordCharacter) != isWordNext
        switch assertion {
        case .start: return before == .nothing
        case .end: return next == nil
        case .wordBoundary: return isBoundary
        case .noWordBoundary: return !isBoundary
        }
    }
}
