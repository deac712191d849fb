#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::cmd {

/// One request to the hub that listens on a control socket, and its answer. Blocks.
class HubRequest {
 public:
  /// Takes each row of the answer as it comes.
  using Row = std::function<void(const nlohmann::json&)>;

  /// Connects and sends the request. nullopt: no hub is running there.
  static Result<std::optional<HubRequest>> begin(const std::string& path, const nlohmann::json& request,
                                                 Row row);
  HubRequest(HubRequest&& other) noexcept;
  HubRequest& operator=(HubRequest&&) = delete;
  ~HubRequest();

  /// Sends octets of the request's body, and takes rows meanwhile, so that neither side waits for the other.
  /// An Error is the hub's refusal or a broken connection.
  Result<void> send(std::string_view octets);
  /// The rest of the answer: the exit code that the hub gave, or its refusal.
  Result<int> finish();

 private:
  HubRequest(int descriptor, std::string path, Row row)
      : descriptor_(descriptor), path_(std::move(path)), row_(std::move(row)) {}
  /// The exit code once it is there; `blocking`: waits for octets.
  Result<std::optional<int>> receive(bool blocking);
  Result<std::optional<int>> take_lines();

  int descriptor_;
  std::string path_;
  Row row_;
  std::string pending_;
};

/// Sends one request to the hub that listens on the control socket `path` and hands each row of its answer to
/// `row` as it comes. nullopt: no hub is running there. The value is the exit code that the hub gave; an
/// Error is the hub's own refusal or a broken connection. Blocks.
Result<std::optional<int>> ask_hub(const std::string& path, const nlohmann::json& request,
                                   const std::function<void(const nlohmann::json&)>& row);

}  // namespace hikyaku::cmd
