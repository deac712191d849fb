#include "io/probe_sasl.h"

#include <gsasl.h>
#include <gtest/gtest.h>

#include "base/base64.h"

namespace hikyaku::io {
namespace {

using probe::TlsReport;

/// A server of GNU SASL that knows one password and the channel that it is on.
class Server {
 public:
  Server(const char* mechanism, Gsasl_property binding, std::string channel)
      : binding_(binding), channel_(base64_encode(channel)) {
    gsasl_init(&context_);
    gsasl_callback_hook_set(context_, this);
    gsasl_callback_set(context_, [](Gsasl* context, Gsasl_session* session, Gsasl_property property) {
      const auto* self = static_cast<Server*>(gsasl_callback_hook_get(context));
      if (property == GSASL_PASSWORD) return gsasl_property_set(session, property, "geheim");
      if (property == self->binding_) return gsasl_property_set(session, property, self->channel_.c_str());
      return static_cast<int>(GSASL_NO_CALLBACK);
    });
    EXPECT_EQ(gsasl_server_start(context_, mechanism, &session_), GSASL_OK);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    gsasl_finish(session_);
    gsasl_done(context_);
  }
  int step(const std::string& in, std::string& out) {
    char* raw = nullptr;
    std::size_t size = 0;
    const int code = gsasl_step(session_, in.data(), in.size(), &raw, &size);
    out.assign(raw == nullptr ? "" : raw, raw == nullptr ? 0 : size);
    gsasl_free(raw);
    return code;
  }

 private:
  Gsasl_property binding_;
  std::string channel_;
  Gsasl* context_ = nullptr;
  Gsasl_session* session_ = nullptr;
};

/// What the server's code is at the end; -1: the client gave up.
int log_in(Server& server, probe::AuthClient& client) {
  std::string said;
  auto answer = client.initial();
  int code = server.step(answer.value_or(""), said);
  while (code == GSASL_NEEDS_MORE || (code == GSASL_OK && client.wants_proof())) {
    const auto next = client.answer(said);
    if (!next) return -1;
    if (code == GSASL_OK) break;
    code = server.step(*next, said);
  }
  return code;
}

struct BoundCase {
  const char* name;
  const char* mechanism;
  TlsReport tls;
  Gsasl_property binding;
  std::string channel;  ///< as the server sees it
  const char* password;
  int end;
};

class Bound : public testing::TestWithParam<BoundCase> {};

TEST_P(Bound, logs_in_on_the_same_channel_alone) {
  const auto& row = GetParam();
  const auto sasl = ProbeSasl::open().value();
  Server server(row.mechanism, row.binding, row.channel);
  const auto client =
      sasl->client(row.mechanism, {.user = "joe", .password = row.password}, &row.tls, "h", 25);
  ASSERT_TRUE(client.has_value()) << client.error().text;
  EXPECT_EQ(log_in(server, **client), row.end);
  EXPECT_EQ((*client)->wants_proof(), row.end != GSASL_OK);
}

const TlsReport kNew{.protocol = "TLSv1.3", .channel_exporter = "exported"};
const TlsReport kOld{.protocol = "TLSv1.2", .channel_unique = "unique"};

INSTANTIATE_TEST_SUITE_P(
    , Bound,
    testing::Values(BoundCase{"tls_1_3", "SCRAM-SHA-256-PLUS", kNew, GSASL_CB_TLS_EXPORTER, "exported",
                              "geheim", GSASL_OK},
                    BoundCase{"tls_1_2", "SCRAM-SHA-256-PLUS", kOld, GSASL_CB_TLS_UNIQUE, "unique", "geheim",
                              GSASL_OK},
                    BoundCase{"tls_1_2_with_sha_1", "SCRAM-SHA-1-PLUS", kOld, GSASL_CB_TLS_UNIQUE, "unique",
                              "geheim", GSASL_OK},
                    BoundCase{"another_channel", "SCRAM-SHA-256-PLUS", kNew, GSASL_CB_TLS_EXPORTER,
                              "of somebody in between", "geheim", GSASL_AUTHENTICATION_ERROR},
                    BoundCase{"another_password", "SCRAM-SHA-256-PLUS", kNew, GSASL_CB_TLS_EXPORTER,
                              "exported", "wrong", GSASL_AUTHENTICATION_ERROR},
                    BoundCase{"not_bound_at_all", "SCRAM-SHA-256", kNew, GSASL_CB_TLS_EXPORTER, "exported",
                              "geheim", GSASL_OK}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ProbeSasl, binds_nothing_without_tls) {
  const auto sasl = ProbeSasl::open().value();
  const auto client = sasl->client("SCRAM-SHA-256-PLUS", {.user = "joe", .password = "x"}, nullptr, "h", 25);
  ASSERT_FALSE(client.has_value());
  EXPECT_EQ(client.error().fault, Fault::permanent);
  const TlsReport none;
  EXPECT_FALSE(
      sasl->client("SCRAM-SHA-256-PLUS", {.user = "joe", .password = "x"}, &none, "h", 25).has_value());
}

TEST(ProbeSasl, knows_its_mechanisms) {
  const auto sasl = ProbeSasl::open().value();
  const TlsReport tls{.channel_exporter = "x"};
  for (const auto& name : probe::known_mechanisms())
    EXPECT_TRUE(sasl->client(name, {.user = "joe", .password = "x"}, &tls, "h", 25).has_value()) << name;
  EXPECT_EQ(sasl->client("NTLM", {}, &tls, "h", 25).error().fault, Fault::not_found);
  EXPECT_EQ(sasl->client("SCRAM-SHA-7", {}, &tls, "h", 25).error().fault, Fault::not_found);
}

TEST(ProbeSasl, says_for_whom_it_acts) {
  const auto sasl = ProbeSasl::open().value();
  const auto client =
      sasl->client("PLAIN", {.user = "joe", .password = "x", .authorize_as = "bob"}, nullptr, "h", 25);
  EXPECT_EQ((*client)->initial(), std::string("bob\0joe\0x", 9));
}

}  // namespace
}  // namespace hikyaku::io
