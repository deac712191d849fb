#include "mail/trace.h"

#include <gtest/gtest.h>

namespace hikyaku::mail {

TEST(ReceivedHeader, TellsTheWayOfASubmission) {
  TraceFacts facts;
  facts.helo = "client.example";
  facts.client_name = "unknown";
  facts.client_address = "192.0.2.7";
  facts.tls_protocol = "TLSv1.3";
  facts.tls_cipher = "TLS_AES_256_GCM_SHA384";
  facts.tls_bits = 256;
  facts.by = "mail.example.com";
  facts.software = "Hikyaku";
  facts.with = "ESMTPSA";
  facts.queue_id = "4Xyz";
  facts.for_recipient = "test@example.jp";
  facts.time = Time{std::chrono::seconds{1795564100}};
  EXPECT_EQ(received_header(facts),
            "Received: from client.example (unknown [192.0.2.7])\r\n"
            "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256 bits))\r\n"
            "\tby mail.example.com (Hikyaku) with ESMTPSA id 4Xyz\r\n"
            "\tfor <test@example.jp>;\r\n"
            "\tTue, 24 Nov 2026 23:48:20 +0000\r\n");
}

TEST(ReceivedHeader, LetsNothingTheClientSaidBreakOut) {
  TraceFacts facts;
  facts.helo = "a\r\nX-Evil: (1);\\";
  facts.client_name = "unknown";
  facts.client_address = "2001:db8::1";
  facts.by = "h";
  facts.software = "Hikyaku";
  facts.with = "SMTP";
  facts.queue_id = "4Xyz";
  const auto text = received_header(facts);
  EXPECT_TRUE(text.starts_with("Received: from a??X-Evil:??1??? (unknown [IPv6:2001:db8::1])\r\n\tby h"))
      << text;
}

TEST(WithProtocol, NamesAreThoseOfTheRegistry) {
  EXPECT_EQ(with_protocol({.extended = true, .tls = true, .authenticated = true}), "ESMTPSA");
  EXPECT_EQ(with_protocol({}), "SMTP");
  EXPECT_EQ(with_protocol({.extended = true, .tls = true, .utf8 = true}), "UTF8SMTPS");
  EXPECT_EQ(with_protocol({.lmtp = true, .utf8 = true}), "UTF8LMTP");
}

}  // namespace hikyaku::mail
