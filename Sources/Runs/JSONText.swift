import Foundation

/// A JSON object written down where it is made: its members by the names that are printed.
public struct JSONObject: Encodable, ExpressibleByDictionaryLiteral {
  private let members: [(name: String, value: any Encodable)]

  /// An object of these members; what is nil is left out.
  public init(dictionaryLiteral members: (String, (any Encodable)?)...) {
    self.members = members.compactMap { name, value in value.map { (name, $0) } }
  }

  /// Encodes the members.
  public func encode(to encoder: any Encoder) throws {
    var object = encoder.container(keyedBy: Name.self)
    for member in members { try object.encode(member.value, forKey: Name(member.name)) }
  }

  private struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ name: String) { stringValue = name }
    init?(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { nil }
  }
}

/// One JSON value as everything here prints it: readable, and in the same order each time.
///
/// - Parameters:
///   - value: What to print.
///   - isSnakeCase: Whether names in camel case are changed, too.
/// - Returns: Several lines, the last without an end.
/// - Throws: What keeps the value from being encoded.
public func jsonText(_ value: some Encodable, isSnakeCase: Bool = true) throws -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
  if isSnakeCase { encoder.keyEncodingStrategy = .convertToSnakeCase }
  // Of a benchmark in which somebody got nothing done.
  encoder.nonConformingFloatEncodingStrategy = .convertToString(
    positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
  return String(decoding: try encoder.encode(value), as: UTF8.self)
}
