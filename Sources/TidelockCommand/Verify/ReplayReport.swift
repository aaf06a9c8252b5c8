import ModelChecker
import ProtocolModels
import Runs

/// A schedule that was carried out again.
struct ReplayReport {
  let schedule: SavedSchedule
  let check: Check
  let events: [Event]
  let lines: SourceLines
  /// The flaw that it ended in; nil if none.
  let verdict: Flaw?

  /// A sentence, if it did not end as recorded.
  struct Difference: Error, CustomStringConvertible {
    let description: String
  }

  var difference: Difference? {
    guard verdict != schedule.verdict else { return nil }
    return Difference(
      description: "The schedule ends in \(ending), and not, as recorded, in"
        + " \(schedule.verdict): the code has changed since; write it anew with"
        + " `tidelock verify --output FOLDER`.")
  }

  private var ending: String { verdict?.description ?? "nothing bad" }

  // MARK: Text

  func text() -> String {
    let actions = Quantity.exact(schedule.actions.count, "action")
    var text = """
      \(check.id)
      \(schedule.bounds)
      \(schedule.memoryModel.rawValue), \(actions)


      """
    let cycle = events.firstIndex { $0.action >= schedule.actions.count && isInCycle }
    text += table(events[..<(cycle ?? events.count)])
    if let cycle {
      text += "\nand from there the same again and again, each CPU having its turns:\n\n"
      text += table(events[cycle...])
    }
    let recorded = difference == nil ? ", as recorded" : "; recorded: \(schedule.verdict)"
    if let hint = lines.hint { text += "\n\(hint)\n" }
    return text + "\nVerdict: \(ending)\(recorded)."
  }

  private var isInCycle: Bool { schedule.cycle != nil }

  private func table(_ events: ArraySlice<Event>) -> String {
    RunTable(
      "Steps",
      columns: [
        .numbers("action"), .numbers("CPU"), .words("context"), .words("does"), .words("word"),
        .numbers("before"), .numbers("after"), .words("source"),
      ],
      rows: events.map { event in
        [
          position(event), String(event.cpu), Self.context(event), event.verb, event.word ?? "",
          event.before.map(Self.number) ?? "", event.after.map(Self.number) ?? "",
          place(event),
        ]
      }
    ).text()
  }

  private func position(_ event: Event) -> String {
    switch event.action {
    case ..<0: "start"
    case schedule.actions.count... where !isInCycle: "end"
    default: String(event.action + 1)
    }
  }

  private func place(_ event: Event) -> String {
    guard let place = lines[event.site] else { return "" }
    return place.line.map { "\($0) \(place.function)" } ?? place.function
  }

  static func context(_ event: Event) -> String {
    ["task", "interrupt", "NMI"][safe: event.level] ?? "level \(event.level)"
  }

  private static func number(_ value: UInt64) -> String {
    value < 10 ? String(value) : "0x" + String(value, radix: 16)
  }

  // MARK: JSON

  var json: JSONObject {
    [
      "check": check.id, "bounds": schedule.bounds, "memory_model": schedule.memoryModel,
      "actions": schedule.actions.count,
      "cycle_begins": schedule.cycle.map { _ in schedule.actions.count + 1 },
      "recorded_verdict": schedule.verdict, "verdict": verdict,
      "is_as_recorded": difference == nil,
      "steps": events.map { event -> JSONObject in
        let place = lines[event.site]
        return [
          // From 1; 0 is before the first.
          "action": event.action + 1, "cpu": event.cpu, "context": Self.context(event),
          "does": event.verb, "word": event.word, "before": event.before, "after": event.after,
          "function": place?.function, "source": place?.line,
        ]
      },
    ]
  }
}

extension Array {
  /// The element, if there is one.
  fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
