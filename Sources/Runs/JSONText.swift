import Foundation

/// A JSON object literal: its members, by the names that are printed.
public struct JSONObject: Encodable, ExpressibleByDictionaryLiteral {
  private let members: [(name: String, value: any Encodable)]

  /// An object with these members; those that are nil are left out.
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

/// One JSON value as all commands print it: readable, with its keys in a stable order.
///
/// - Parameters:
///   - value: What to print.
///   - isSnakeCase: Whether names in camel case become snake case.
/// - Returns: Several lines, without a line feed at the end.
/// - Throws: An error if the value cannot be encoded.
public func jsonText(_ value: some Encodable, isSnakeCase: Bool = true) throws -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
  if isSnakeCase { encoder.keyEncodingStrategy = .convertToSnakeCase }
  // Of a benchmark in which somebody got nothing done.
  encoder.nonConformingFloatEncodingStrategy = .convertToString(
    positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
  return String(decoding: try encoder.encode(value), as: UTF8.self)
}
