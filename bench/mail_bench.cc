// Addresses, headers and notices: what each message passes through. Input: a header section as mail clients
// write it, 1.1 KiB in 12 fields.
#include <benchmark/benchmark.h>

#include <string>

#include "mail/address.h"
#include "mail/address_list.h"
#include "mail/dsn.h"
#include "mail/header.h"
#include "mail/trace.h"

namespace {

using namespace hikyaku;

const std::string kHeader = [] {
  std::string text =
      "Received: from client.example (unknown [192.0.2.7])\r\n\tby mail.example.com (Hikyaku) with ESMTPSA "
      "id 4Xyz\r\n"
      "\tfor <bob@example.org>; Tue, 24 Nov 2026 23:48:20 +0000\r\n"
      "From: \"Joe Q. User\" <joe@example.com>\r\nTo: Bob <bob@example.org>, alice@example.net\r\n"
      "Cc: list: a@example.com, b@example.com;\r\nSubject: =?utf-8?B?44Oh44O844Or?=\r\n"
      "Date: Tue, 24 Nov 2026 23:48:20 +0000\r\nMessage-ID: <20261124234820.4Xyz@client.example>\r\n"
      "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n";
  for (int i = 0; i < 8; ++i)
    text += "X-Scanner-" + std::to_string(i) + ": clean, 0.1 s, rules of yesterday\r\n";
  return text;
}();

void address_parse(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(mail::Address::parse("first.last+tag@sub.example.co.jp"));
}
BENCHMARK(address_parse);

void header_walk(benchmark::State& state) {
  for (auto _ : state) {
    mail::HeaderFields fields(kHeader);
    std::size_t known = 0;
    while (const auto field = fields.next())
      known += mail::header_kind(field->name).name != mail::HeaderName::other;
    benchmark::DoNotOptimize(known);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kHeader.size()));
}
BENCHMARK(header_walk);

void received(benchmark::State& state) {
  mail::TraceFacts facts;
  facts.helo = "client.example";
  facts.client_name = "unknown";
  facts.client_address = "192.0.2.7";
  facts.by = "mail.example.com";
  facts.software = "Hikyaku";
  facts.with = "ESMTP";
  facts.queue_id = "4Xyz";
  facts.for_recipient = "bob@example.org";
  for (auto _ : state) benchmark::DoNotOptimize(mail::received_header(facts));
}
BENCHMARK(received);

void bounce(benchmark::State& state) {
  mail::DsnFacts facts;
  facts.reporting_mta = "mail.example.com";
  facts.queue_id = "4Xyz";
  facts.notice_id = "5Abc";
  facts.sender = mail::Address::parse("joe@example.com").value_or(mail::Address{});
  facts.recipients.resize(1);
  facts.recipients[0].diagnostic = "550 5.1.1 no such user";
  const std::string body(4096, 'x');
  for (auto _ : state) benchmark::DoNotOptimize(mail::compose_notice(facts, {kHeader, body}));
}
BENCHMARK(bounce);

}  // namespace
