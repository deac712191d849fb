// What is decided for one message: its envelope and headers rewritten, its ten recipients routed, each rule
// with its explanation. Tables: canonical, virtual aliases, transports and relay hosts by sender, 100,000
// entries each, from hash: files.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "config/rewrite_settings.h"
#include "config/route_settings.h"
#include "io/system_random.h"
#include "io/table_files.h"
#include "rewrite/rewriter.h"
#include "route/router.h"

namespace {

using namespace hikyaku;

constexpr int kEntries = 100000;
constexpr int kRecipients = 10;

class World {
 public:
  World() {
    std::string pattern = (std::filesystem::temp_directory_path() / "hikyaku-bench-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    table("canonical", [](int i) { return row("user", i, "@old.example", "first.last", i, "@hub.example"); });
    table("virtual", [](int i) { return row("alias", i, "@hub.example", "box", i, "@mail.example"); });
    table("transport", [](int i) { return row("d", i, ".example", "smtp:[10.0.", i % 250, ".1]:25"); });
    table("relayhost",
          [](int i) { return row("user", i, "@old.example", "[relay", i % 10, ".example]:587"); });
    const std::string text =
        "compatibility_level = 3.6\nmyhostname = mail.hub.example\nmydestination = hub.example\n"
        "relay_domains = mail.example\ncanonical_maps = hash:" +
        folder_.string() + "/canonical\nvirtual_alias_maps = hash:" + folder_.string() +
        "/virtual\ntransport_maps = hash:" + folder_.string() +
        "/transport\nsender_dependent_relayhost_maps = hash:" + folder_.string() +
        "/relayhost\nlocal_header_rewrite_clients = static:all\n";
    config::Diagnostics diagnostics;
    const auto main = config::Main::parse(text, "main.cf", sources_, diagnostics);
    auto rewriting = config::rewrite_settings(main, {}, tables_, diagnostics);
    auto routing = config::route_settings(main, {}, tables_, diagnostics);
    if (!rewriting || !routing) {
      std::fprintf(stderr, "%s", config::text(diagnostics.all().front(), sources_).c_str());
      std::abort();
    }
    rewriter = std::make_unique<rewrite::Rewriter>(std::move(*rewriting));
    router = std::make_unique<route::Router>(std::move(*routing));
  }
  ~World() { std::filesystem::remove_all(folder_); }

  std::unique_ptr<rewrite::Rewriter> rewriter;
  std::unique_ptr<route::Router> router;

 private:
  static std::string row(const char* before, int i, const char* after, const char* value, int j,
                         const char* end) {
    return before + std::to_string(i) + after + " " + value + std::to_string(j) + end + "\n";
  }
  template <class Row>
  void table(const char* name, Row row_of) {
    std::ofstream file(folder_ / name);
    for (int i = 0; i < kEntries; ++i) file << row_of(i);
  }

  std::filesystem::path folder_;
  SourceCatalogue sources_;
  io::SystemRandom random_;
  io::TableFiles tables_{sources_, random_};
};

mail::Address address(const std::string& text) {
  return mail::Address::from_internal(text).value_or(mail::Address{});
}

/// A message to ten recipients; with all of their addresses in its header.
struct Message {
  explicit Message(int number)
      : sender(address("user" + std::to_string(number % kEntries) + "@old.example")) {
    header = "From: Joe <" + sender.text() + ">\r\nTo: ";
    for (int i = 0; i < kRecipients; ++i) {
      const int which = (number * 7919 + i * 104729) % kEntries;
      // A third are aliases, a third are in the transport table, a third in neither.
      const auto text = i % 3 == 0   ? "alias" + std::to_string(which) + "@hub.example"
                        : i % 3 == 1 ? "joe@d" + std::to_string(which) + ".example"
                                     : "ann@elsewhere" + std::to_string(which) + ".example";
      recipients.push_back(address(text));
      header += (i == 0 ? "" : ",\r\n\t") + text;
    }
    header +=
        "\r\nSubject: numbers\r\nDate: Tue, 24 Nov 2026 23:48:20 +0000\r\nMessage-ID: <1@client.example>\r\n";
  }
  mail::Address sender;
  std::vector<mail::Address> recipients;
  std::string header;
};

void decide(benchmark::State& state) {
  static const World world;
  std::vector<Message> messages;
  for (int i = 0; i < 512; ++i) messages.emplace_back(i * 193);
  std::size_t next = 0;
  std::size_t octets = 0;
  const rewrite::HeaderContext context{.kind = rewrite::HeaderContext::Kind::local, .client = "192.0.2.7"};
  for (auto _ : state) {
    const auto& message = messages[next++ % messages.size()];
    Explanation why;
    rewrite::EnvelopeRewriting envelope(*world.rewriter, why, {});
    const auto sender = envelope.sender(message.sender);
    for (const auto& one : message.recipients) envelope.recipient({one, {}, 0});
    const rewrite::MessageFacts facts{.sender = sender, .queue_id = "4Xyz", .date = {}, .full_name = {}};
    auto header = world.rewriter->headers(message.header, context, facts, why);
    const auto result = envelope.finish();
    route::Router::Message routing(*world.router, sender);
    for (const auto& one : result.recipients) benchmark::DoNotOptimize(routing.resolve(one.address, why));
    benchmark::DoNotOptimize(header);
    octets += why.bytes().size();
  }
  state.counters["ledger_octets"] =
      benchmark::Counter(static_cast<double>(octets), benchmark::Counter::kAvgIterations);
}
BENCHMARK(decide)->Unit(benchmark::kMicrosecond);

}  // namespace
