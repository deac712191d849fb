#include "io/sasl_gsasl.h"

#include <gmock/gmock.h>

#include "base/base64.h"
#include "io/loopback.h"
#include "io/users.h"

namespace hikyaku::io {
namespace {

using hikyaku::testing_support::TemporaryFolder;
using Exchange = smtp::SaslExchange;

class Scram : public testing::Test {
 protected:
  Scram() : users_(folder_.file("users")), library_(SaslLibrary::open().value()) {
    auto user = make_user("joe", "p\xc3\xa4ss").value();
    EXPECT_TRUE(change_users(folder_.file("users"), [&](std::vector<User>& all) -> Result<void> {
                  all.push_back(user);
                  return {};
                }).has_value());
  }
  /// The whole talk; the server's last step.
  Exchange::Step talk(const std::string& user, const std::string& password, bool initial_response) {
    const auto server = library_->server("SCRAM-SHA-256", users_);
    const auto client = library_->client("SCRAM-SHA-256", user, password);
    const auto first = client->initial();
    auto step = initial_response ? server->step(*first) : server->step(std::nullopt);
    for (int turn = 0; turn < 5; ++turn) {
      const auto* challenge = std::get_if<Exchange::Challenge>(&step);
      if (challenge == nullptr) return step;
      const auto answer = client->answer(challenge->octets);
      EXPECT_TRUE(answer.has_value()) << answer.error().text;
      if (!answer) return step;
      step = server->step(*answer);
    }
    return step;
  }
  TemporaryFolder folder_;
  Users users_;
  std::unique_ptr<SaslLibrary> library_;
};

TEST_F(Scram, ARightPasswordIsProvedToBothSides) {
  for (const bool initial_response : {true, false}) {
    const auto end = talk("joe", "p\xc3\xa4ss", initial_response);
    const auto* proved = std::get_if<Exchange::Authenticated>(&end);
    ASSERT_NE(proved, nullptr);
    EXPECT_EQ(proved->user, "joe");
    EXPECT_EQ(proved->authzid, "");
  }
}

TEST_F(Scram, AWrongPasswordAndAnUnknownUserLookTheSame) {
  EXPECT_TRUE(std::holds_alternative<Exchange::Rejected>(talk("joe", "wrong", true)));
  EXPECT_TRUE(std::holds_alternative<Exchange::Rejected>(talk("nobody", "p\xc3\xa4ss", true)));
}

TEST_F(Scram, ADecomposedPasswordIsTheSamePassword) {
  const auto end = talk("joe", "pa\xcc\x88ss", true);
  EXPECT_TRUE(std::holds_alternative<Exchange::Authenticated>(end));
}

TEST_F(Scram, NonsenseIsMalformed) {
  for (const auto& bad :
       {std::string("nonsense"), std::string("n,,n=joe"), std::string("p=tls-unique,,n=joe,r=abc"),
        std::string(), std::string("n,,n=j\0e,r=x", 12), std::string("y,,n=joe")}) {
    const auto server = library_->server("SCRAM-SHA-256", users_);
    EXPECT_FALSE(std::holds_alternative<Exchange::Authenticated>(server->step(bad))) << bad;
  }
  const auto server = library_->server("SCRAM-SHA-256", users_);
  EXPECT_TRUE(std::holds_alternative<Exchange::Malformed>(server->step(std::string(5000, 'x'))));
  EXPECT_TRUE(std::holds_alternative<Exchange::Malformed>(server->step("n,,n=joe,r=abc"))) << "it was over";
}

TEST_F(Scram, AServerThatDoesNotKnowThePasswordIsFoundOut) {
  const auto client = library_->client("SCRAM-SHA-256", "joe", "secret");
  const auto first = client->initial();
  ASSERT_TRUE(first.has_value());
  const auto nonce = first->substr(first->rfind("r=") + 2);
  const auto proof = client->answer("r=" + nonce + "server,s=c2FsdA==,i=4096");
  ASSERT_TRUE(proof.has_value()) << proof.error().text;
  const auto end = client->answer("v=" + base64_encode(std::string(32, 'x')));
  EXPECT_FALSE(end.has_value());
}

TEST_F(Scram, OthersAreNotOurs) {
  EXPECT_EQ(library_->server("PLAIN", users_), nullptr);
  EXPECT_EQ(library_->server("SCRAM-SHA-1", users_), nullptr);
  EXPECT_EQ(library_->client("GSSAPI", "joe", "x"), nullptr);
}

TEST(SaslClient, CramMd5IsThatOfTheStandardsExample) {
  const auto library = SaslLibrary::open().value();
  const auto client = library->client("CRAM-MD5", "tim", "tanstaaftanstaaf");  // RFC 2195 s. 2
  ASSERT_NE(client, nullptr);
  EXPECT_EQ(client->initial(), std::nullopt);
  EXPECT_EQ(client->answer("<1896.697170952@postoffice.reston.mci.net>").value(),
            "tim b913a602c7eda7a495b4e6e7334d3890");
}

TEST(SaslClient, PlainAndLoginAreThere) {
  const auto library = SaslLibrary::open().value();
  EXPECT_EQ(library->client("PLAIN", "joe", "x")->initial(), std::string("\0joe\0x", 6));
  EXPECT_EQ(library->client("LOGIN", "joe", "x")->mechanism(), "LOGIN");
  EXPECT_EQ(library->client("SCRAM-SHA-1", "joe", "x")->mechanism(), "SCRAM-SHA-1");
}

}  // namespace
}  // namespace hikyaku::io
