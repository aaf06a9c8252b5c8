/// A cycle in a strongly connected component of states, on which every CPU takes steps or cannot.
///
/// The component is explored once more, breadth-first, and this time its edges are kept.
struct FairCycle {
  private struct Edge {
    var from: Int
    var to: Int
    var action: Action
  }

  private let cpus: Int
  /// Of each state: which CPUs cannot go on in it.
  private var resting: [UInt32] = []
  /// Of each state: the edges from it that stay inside.
  private var edges: [[Edge]] = []

  /// Contract: the machine is in a state of the component.
  init(_ machine: Machine, _ snapshots: Snapshots, within component: Set<StateKey>) {
    cpus = machine.cpuCount
    var numbers = [machine.key: 0]
    var saved: [Int] = []
    let first = snapshots.push()
    if let first { saved.append(first) }
    while edges.count < saved.count {
      let state = edges.count
      snapshots.restore(saved[state])
      resting.append(Turns.resting(in: machine))
      let possible = machine.possible
      edges.append([])
      for index in 0..<possible.count {
        if index > 0 { snapshots.restore(saved[state]) }
        machine.perform(possible[index])
        let key = machine.key
        guard machine.flaw == nil, component.contains(key) else { continue }
        if numbers[key] == nil, let place = snapshots.push() {
          numbers[key] = saved.count
          saved.append(place)
        }
        if let to = numbers[key] {
          edges[state].append(Edge(from: state, to: to, action: possible[index]))
        }
      }
    }
    if let first { snapshots.pop(to: first) }
  }

  /// From the first state back to it; empty if there is none.
  func cycle() -> [Action] {
    guard let start = edges.first?.first else { return [] }
    var walk = [start]
    var turns = Turns()
    turns.resting = resting[start.from] | resting[start.to]
    turns.note(start.action)
    while true {
      let missing = turns.missing(of: cpus)
      let here = walk[walk.count - 1].to
      if missing == 0 && here == 0 { return walk.map(\.action) }
      let wanted: (Edge) -> Bool = {
        missing == 0
          ? $0.to == 0 : (Turns.bit(of: $0.action) | resting[$0.to]) & missing != 0
      }
      let way = shortest(from: here, to: wanted)
      // The component is strongly connected, and somewhere in it every CPU acts or cannot.
      guard !way.isEmpty else { return [] }
      for edge in way {
        walk.append(edge)
        turns.note(edge.action)
        turns.resting |= resting[edge.to]
      }
    }
  }

  /// Up to and including the first edge that is wanted.
  private func shortest(from start: Int, to wanted: (Edge) -> Bool) -> [Edge] {
    var reached: [Int: Edge] = [:]
    var queue = [start]
    var next = 0
    while next < queue.count {
      for edge in edges[queue[next]] {
        if wanted(edge) {
          var way = [edge]
          while let first = way.first, first.from != start, let before = reached[first.from] {
            way.insert(before, at: 0)
          }
          return way
        }
        if edge.to != start, reached[edge.to] == nil {
          reached[edge.to] = edge
          queue.append(edge.to)
        }
      }
      next += 1
    }
    return []
  }
}
