import GuestSiteTable

/// The sentences that the module itself would log.
enum GuestObstacleWords {
  static func sentence(_ surroundings: GuestSurroundings) -> String? {
    GuestObstacle.first(in: surroundings).map { "\($0.sentence)" }
  }
  static var otherOperations: String { "\(GuestObstacle.otherOperations.sentence)" }
  static var debugger: String { "\(GuestObstacle.debugger.sentence)" }
}
