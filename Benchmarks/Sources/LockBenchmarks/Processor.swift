import Foundation

/// What /proc/cpuinfo says of the first processor.
struct Processor {
  let name: String
  let family, model: Int?

  static let current = Processor(
    in: (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? "")

  init(in text: String) {
    func value(_ key: String) -> String? {
      text.split(separator: "\n").lazy.map { $0.split(separator: ":", maxSplits: 1) }
        .first { $0.count == 2 && $0[0].trimmingCharacters(in: .whitespaces) == key }
        .map { $0[1].trimmingCharacters(in: .whitespaces) }
    }
    name = value("model name") ?? "unknown"
    family = value("cpu family").flatMap { Int($0) }
    model = value("model").flatMap { Int($0) }
  }

  /// With family and model: two generations may have one name.
  var description: String {
    guard let family, let model else { return name }
    return "\(name) (family \(family), model \(model))"
  }
}
