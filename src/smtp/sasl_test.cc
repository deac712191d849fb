#include "smtp/sasl.h"

#include <gtest/gtest.h>

#include <vector>

namespace hikyaku::smtp {
namespace {

using namespace std::string_view_literals;

std::string told(const SaslExchange::Step& step) {
  if (const auto* challenge = std::get_if<SaslExchange::Challenge>(&step))
    return "challenge " + challenge->octets;
  if (const auto* who = std::get_if<SaslExchange::Credentials>(&step)) {
    return who->authzid + "/" + who->user + "/" + who->password;
  }
  return std::holds_alternative<SaslExchange::Malformed>(step) ? "malformed" : "?";
}

struct ExchangeCase {
  const char* name;
  std::string_view mechanism;
  std::vector<std::optional<std::string_view>> responses;
  std::string_view want;
};
void PrintTo(const ExchangeCase& row, std::ostream* out) { *out << row.name; }
class PasswordExchange : public testing::TestWithParam<ExchangeCase> {};

TEST_P(PasswordExchange, EndsAs) {
  const auto exchange = make_password_exchange(GetParam().mechanism);
  ASSERT_NE(exchange, nullptr);
  std::string last;
  for (const auto& response : GetParam().responses) last = told(exchange->step(response));
  EXPECT_EQ(last, GetParam().want);
}

const std::string kLong(256, 'x');
INSTANTIATE_TEST_SUITE_P(
    , PasswordExchange,
    testing::Values(
        ExchangeCase{"plain_at_once", "PLAIN", {"\0user\0word"sv}, "/user/word"},
        ExchangeCase{"plain_with_authzid", "PLAIN", {"other\0user\0word"sv}, "other/user/word"},
        ExchangeCase{"plain_asks_with_nothing", "PLAIN", {std::nullopt}, "challenge "},
        ExchangeCase{"plain_after_the_question", "PLAIN", {std::nullopt, "\0user\0word"sv}, "/user/word"},
        ExchangeCase{"plain_of_two_fields", "PLAIN", {"user\0word"sv}, "malformed"},
        ExchangeCase{"plain_of_four_fields", "PLAIN", {"\0user\0word\0"sv}, "malformed"},
        ExchangeCase{"plain_without_user", "PLAIN", {"\0\0word"sv}, "malformed"},
        ExchangeCase{"plain_without_password", "PLAIN", {"\0user\0"sv}, "malformed"},
        ExchangeCase{"plain_of_nothing", "PLAIN", {""sv}, "malformed"},
        ExchangeCase{"plain_with_a_long_user", "PLAIN", {std::string_view(kLong)}, "malformed"},
        ExchangeCase{"login_asks_for_the_user", "LOGIN", {std::nullopt}, "challenge Username:"},
        ExchangeCase{"login_asks_for_the_password", "LOGIN", {std::nullopt, "user"sv}, "challenge Password:"},
        ExchangeCase{"login_with_both", "LOGIN", {std::nullopt, "user"sv, "word"sv}, "/user/word"},
        ExchangeCase{"login_with_an_initial_user", "LOGIN", {"user"sv, "word"sv}, "/user/word"},
        ExchangeCase{"login_without_user", "LOGIN", {std::nullopt, ""sv}, "malformed"},
        ExchangeCase{"login_without_password", "LOGIN", {"user"sv, ""sv}, "malformed"},
        ExchangeCase{"login_with_nul", "LOGIN", {"us\0er"sv}, "malformed"},
        ExchangeCase{"login_with_a_long_user", "LOGIN", {std::string_view(kLong)}, "malformed"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(SaslExchanges, IsNotForOtherMechanisms) {
  EXPECT_EQ(make_password_exchange("CRAM-MD5"), nullptr);
  EXPECT_EQ(make_password_exchange("plain"), nullptr);
}

TEST(PasswordClient, MeetsTheServer) {
  for (const char* mechanism : {"PLAIN", "LOGIN"}) {
    const auto client = make_password_client(mechanism, "user", "word");
    const auto server = make_password_exchange(mechanism);
    EXPECT_EQ(client->mechanism(), mechanism);
    const auto initial = client->initial();
    auto step = server->step(initial ? std::optional<std::string_view>(*initial) : std::nullopt);
    while (const auto* challenge = std::get_if<SaslExchange::Challenge>(&step)) {
      const auto answer = client->answer(challenge->octets);
      ASSERT_TRUE(answer.has_value());
      step = server->step(*answer);
    }
    EXPECT_EQ(told(step), "/user/word");
  }
}

TEST(PasswordClient, DoesNotAnswerWhatItsMechanismHasNot) {
  EXPECT_FALSE(make_password_client("PLAIN", "user", "word")->answer("What?").has_value());
  const auto login = make_password_client("LOGIN", "user", "word");
  EXPECT_TRUE(login->answer("a").has_value());
  EXPECT_TRUE(login->answer("b").has_value());
  EXPECT_FALSE(login->answer("c").has_value());
}

}  // namespace
}  // namespace hikyaku::smtp
