import GuestSiteTable

/// What the module itself would say.
enum GuestObstacleWords {
  static func sentence(_ surroundings: GuestSurroundings) -> String? {
    GuestObstacle.first(in: surroundings).map { "\($0.sentence)" }
  }
  static var otherOperations: String { "\(GuestObstacle.otherOperations.sentence)" }
  static var debugger: String { "\(GuestObstacle.debugger.sentence)" }
}
