import ArgumentParser
import Tidelock

extension SwitchProtocol: ExpressibleByArgument {
  /// By the name that reports use.
  public init?(argument: String) {
    guard let found = Self.allCases.first(where: { $0.description == argument }) else { return nil }
    self = found
  }

  /// All three, for help and completion.
  public static var allValueStrings: [String] { allCases.map(\.description) }
}
