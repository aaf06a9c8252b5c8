import CodePatching
import Glibc
import LockPlatform
import LockSwitching
import ModelChecker
import ProtocolModels

func run(_ name: String, _ model: some Model, seconds: Double = 60) {
  let e = model.explore(Limits(seconds: seconds))
  var verdict = "\(e.verdict)"
  if case .fails(let f) = e.verdict { verdict = "\(f.flaw) in \(f.schedule.count)" }
  print(
    name, verdict, "states", e.states, "steps", e.steps, "depth", e.depth, "s", e.seconds,
    "steps/s", Int(Double(e.steps) / e.seconds));
  fflush(nil)
}
let sets: [LockSet] = [.native, .paravirtual, .testAndSet]
let all: [(String, Waiting, Unlocking)] = [
  ("native", .native, .native), ("native+pvunlock", .native, .paravirtual),
  ("pv", .paravirtual, .paravirtual), ("tas", .testAndSet, .native),
  ("pv+native BAD", .paravirtual, .native),
]
if CommandLine.arguments.contains("locks") {
  for (name, w, u) in all {
    for m in MemoryModel.allCases {
      for acq in [[1, 1], [2, 2]] {
        run("\(name) \(m) \(acq)", LockModel(w, u, Workload(acquisitions: acq), m))
      }
    }
  }
}
if CommandLine.arguments.contains("locks3") {
  for (name, w, u) in all {
    var m = LockModel(w, u, Workload(acquisitions: [1, 1, 1]), .sequentialConsistency);
    m.touchesData = false
    m.checksOrder = w == .native
    run("\(name) SC 1,1,1", m)
    m = LockModel(w, u, Workload(acquisitions: [2, 1, 1]), .sequentialConsistency);
    m.touchesData = false
    m.checksOrder = w == .native
    run("\(name) SC 2,1,1", m)
  }
}

if CommandLine.arguments.contains("mutants") {
  for mutant in Mutant.all {
    let e = mutant.model.explore(Limits(seconds: 30))
    var v = "\(e.verdict)"
    if case .fails(let f) = e.verdict {
      let t = mutant.model.shorten(f); v = "\(f.flaw) \(f.schedule.count) -> \(t.schedule.count)"
    } else {
      v = "NOT CAUGHT " + v
    }
    print(mutant.name, v, e.states, e.seconds); fflush(nil)
  }
  exit(0)
}
if CommandLine.arguments.contains("interrupts") {
  for (name, w, u) in all.prefix(4) {
    for m in MemoryModel.allCases {
      for (jobs, ints) in [
        ([[Job.a], [.a]], [1, 0]), ([[.a], [.b]], [1, 0]), ([[.a], [.a, .b]], [1, 0]),
        ([[.a], [.a]], [1, 1]), ([[.a], [.b]], [2, 0]), ([[.a], [.a, .b]], [2, 0]),
        ([[.a], [.c]], [2, 0]), ([[.a], [.a], [.b]], [1, 0, 0]),
      ] {
        var load = Workload(jobs); load.interrupts = ints
        var k = LockModel(w, u, load, m); k.touchesData = m == .totalStoreOrder
        run("\(name) \(m) \(jobs) \(ints)", k, seconds: 20)
      }
    }
  }
  for (from, to) in [(LockSet.native, LockSet.paravirtual), (.paravirtual, .native)] {
    for m in MemoryModel.allCases {
      for (jobs, ints) in [
        ([[Job.a], [.a]], [1, 0]), ([[.a], [.b]], [1, 0]), ([[.a], [.a, .b]], [1, 0]),
        ([[.a], [.a]], [1, 1]),
      ] {
        var load = Workload(jobs); load.interrupts = ints
        var k = SwitchModel(from: from, to: to, load, m); k.touchesData = m == .totalStoreOrder
        run("\(from)->\(to) \(m) \(jobs) \(ints)", k, seconds: 60)
      }
    }
  }
  exit(0)
}
if CommandLine.arguments.contains("show") {
  let name = CommandLine.arguments[2]
  let check = Check.all.first { $0.name == name }!
  guard case .fails(let f) = check.model.explore().verdict else { print("holds"); exit(1) }
  let t = check.model.shorten(f)
  let flaw = try check.model.replay(t.schedule) { e in
    print(
      e.cpu, String(repeating: " ", count: e.cpu * 22), e.verb, e.word ?? "",
      e.before.map { String($0, radix: 16) } ?? "",
      e.after.map { "-> " + String($0, radix: 16) } ?? "")
  }
  print(flaw as Any)
  exit(0)
}
if CommandLine.arguments.contains("checks") {
  let only = CommandLine.arguments.dropFirst(2).first
  for check in Check.all where (only == nil || check.group.rawValue == only || check.name == only) {
    let e = check.model.explore(Limits(seconds: 100))
    var v = "\(e.verdict)"
    var ok = false
    if case .fails(let f) = e.verdict {
      v = "\(f.flaw) \(f.schedule.count)"; ok = check.expectation == .fails
    }
    if e.verdict == .holds { ok = check.expectation == .holds }
    print(
      ok ? "ok" : "!!!!!!!!!!", check.group, check.name, "|", v, e.states, e.seconds,
      Int(Double(e.steps) / e.seconds));
    fflush(nil)
  }
  exit(0)
}
if CommandLine.arguments.contains("plans") {
  func name(_ s: Step) -> String {
    switch s {
    case .poke(let o, let a, let b): "\(o):\(a)>\(b)"
    case .drain(let b): "drain \(b)"
    }
  }
  for from in sets {
    for to in sets where to != from {
      let good = Plan.staged(from: from, to: to)
      var plans: [(String, Plan)] = []
      for skip in 0..<good.count {
        var p = Plan(); for i in 0..<good.count where i != skip { p.append(good[i]) }
        plans.append(("without \(name(good[skip]))", p))
        for other in skip + 1..<max(good.count, skip + 1) {
          var q = Plan();
          for i in 0..<good.count { q.append(good[i == skip ? other : i == other ? skip : i]) }
          plans.append(("swap \(name(good[skip])) / \(name(good[other]))", q))
        }
      }
      for (n, p) in plans {
        let sound = p.isSound(from: from, to: to)
        var results: [String] = []
        for acq in [[1, 1], [1, 1, 1]] {
          var s = SwitchModel(
            from: from, to: to, Workload(acquisitions: acq), .sequentialConsistency)
          s.plan = p; s.touchesData = false
          let e = s.explore(Limits(seconds: 20))
          switch e.verdict {
          case .holds: results.append("holds")
          case .cut(let c): results.append("cut \(c)")
          case .fails(let f):
            let t = s.shorten(f)
            results.append("\(f.flaw) \(f.schedule.count)->\(t.schedule.count)")
          }
        }
        print(
          "\(from)->\(to) \(n): isSound \(sound) \(results)",
          (results.last == "holds") != sound ? "DIFFERENT" : "");
        fflush(nil)
      }
    }
  }
  exit(0)
}
if CommandLine.arguments.contains("replay") {
  let s = SwitchModel(
    from: .native, to: .paravirtual, Workload(acquisitions: [1, 1]), .totalStoreOrder)
  guard case .fails(let f) = s.explore().verdict else { exit(1) }
  print(f.schedule)
  let flaw = try s.replay(f.schedule) { e in
    print(
      e.cpu, String(repeating: "  ", count: e.cpu * 14), e.verb, e.word ?? "",
      e.before.map { String($0, radix: 16) } ?? "",
      e.after.map { "-> " + String($0, radix: 16) } ?? "")
  }
  print(flaw as Any)
  exit(0)
}
if CommandLine.arguments.contains("three") {
  for (from, to) in [(LockSet.native, LockSet.paravirtual), (.paravirtual, .native)] {
    for acq in [[1, 1, 1], [2, 1, 1]] {
      for m in MemoryModel.allCases {
        var s = SwitchModel(from: from, to: to, Workload(acquisitions: acq), m)
        s.touchesData = m == .totalStoreOrder
        run("staged \(from)->\(to) \(m) \(acq)", s, seconds: 200)
      }
    }
  }
  exit(0)
}
for from in sets {
  for to in sets where to != from {
    for m in MemoryModel.allCases {
      for method in [PokeMethod.store, .breakpoint] {
        var s = SwitchModel(from: from, to: to, Workload(acquisitions: [1, 1]), m);
        s.method = method
        run("staged \(from)->\(to) \(m) \(method) [1,1]", s)
        s = SwitchModel(from: from, to: to, Workload(acquisitions: [2, 2]), m); s.method = method
        run("staged \(from)->\(to) \(m) \(method) [2,2]", s)
      }
    }
  }
}
