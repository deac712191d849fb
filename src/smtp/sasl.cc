#include "smtp/sasl.h"

#include <array>
#include <utility>

namespace hikyaku::smtp {
namespace {

constexpr std::size_t kMostField = 255;  // octets, RFC 4616 s. 2 recommends no less

/// RFC 4616: authzid NUL user NUL password.
class PlainExchange final : public SaslExchange {
 public:
  Step step(std::optional<std::string_view> response) override {
    if (!response) return Challenge{""};
    std::array<std::string_view, 3> fields;
    auto left = *response;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const auto nul = left.find('\0');
      const bool last = i + 1 == fields.size();
      if (last != (nul == std::string_view::npos)) return Malformed{};
      fields[i] = left.substr(0, nul);
      if (fields[i].size() > kMostField) return Malformed{};
      if (!last) left.remove_prefix(nul + 1);
    }
    if (fields[1].empty() || fields[2].empty()) return Malformed{};
    return Credentials{std::string(fields[0]), std::string(fields[1]), std::string(fields[2])};
  }
};

/// No standard, but every client has it: two prompts, two answers. An initial response is the user's name.
class LoginExchange final : public SaslExchange {
 public:
  Step step(std::optional<std::string_view> response) override {
    if (!response) {
      if (asked_) return Malformed{};
      asked_ = true;
      return Challenge{"Username:"};
    }
    asked_ = true;
    if (response->empty() || response->size() > kMostField ||
        response->find('\0') != std::string_view::npos) {
      return Malformed{};
    }
    if (user_.empty()) {
      user_ = *response;
      return Challenge{"Password:"};
    }
    return Credentials{"", std::exchange(user_, {}), std::string(*response)};
  }

 private:
  bool asked_ = false;
  std::string user_;
};

class PlainClient final : public SaslClient {
 public:
  PlainClient(std::string user, std::string password)
      : user_(std::move(user)), password_(std::move(password)) {}
  std::string_view mechanism() const override { return "PLAIN"; }
  std::optional<std::string> initial() override {
    std::string message;
    message += '\0';
    message += user_;
    message += '\0';
    message += password_;
    return message;
  }
  Result<std::string> answer(std::string_view challenge) override {
    // A server that did not take the initial response asks for it with an empty challenge.
    if (!challenge.empty())
      return fail(Fault::malformed, "AUTH PLAIN: the server sent a challenge, which PLAIN has not");
    return *initial();
  }

 private:
  std::string user_, password_;
};

class LoginClient final : public SaslClient {
 public:
  LoginClient(std::string user, std::string password)
      : user_(std::move(user)), password_(std::move(password)) {}
  std::string_view mechanism() const override { return "LOGIN"; }
  std::optional<std::string> initial() override { return std::nullopt; }
  Result<std::string> answer(std::string_view) override {
    // Servers word the prompts in many ways; only their order can be relied on.
    switch (step_++) {
      case 0:
        return user_;
      case 1:
        return password_;
      default:
        return fail(Fault::malformed, "AUTH LOGIN: the server asked a third time");
    }
  }

 private:
  std::string user_, password_;
  int step_ = 0;
};

}  // namespace

std::unique_ptr<SaslExchange> make_password_exchange(std::string_view mechanism) {
  if (mechanism == "PLAIN") return std::make_unique<PlainExchange>();
  if (mechanism == "LOGIN") return std::make_unique<LoginExchange>();
  return nullptr;
}

std::unique_ptr<SaslClient> make_password_client(std::string_view mechanism, std::string user,
                                                 std::string password) {
  if (mechanism == "PLAIN") return std::make_unique<PlainClient>(std::move(user), std::move(password));
  if (mechanism == "LOGIN") return std::make_unique<LoginClient>(std::move(user), std::move(password));
  return nullptr;
}

}  // namespace hikyaku::smtp
