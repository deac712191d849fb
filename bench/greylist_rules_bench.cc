// What greylisting's rules cost for a recipient, by their number: half of them of networks, half of the ends
// of clients' names, and a last one for all others. The client is in none of them, in the last of the
// networks, or has the last of the names.
#include <benchmark/benchmark.h>

#include <string>
#include <variant>

#include "config/greylist_conf.h"
#include "greylist/evaluation.h"

namespace {

using namespace hikyaku;
using namespace hikyaku::greylist;

Configuration rules(std::int64_t number) {
  std::string text = "nospf\n";
  for (std::int64_t i = 0; i < number / 2; ++i) {
    text += "racl whitelist addr 10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0/24\n";
    text += "racl whitelist domain d" + std::to_string(i) + ".example\n";
  }
  text += "racl greylist default\n";
  SourceCatalogue sources;
  config::Diagnostics diagnostics;
  return config::read_greylist_conf(text, sources.add("greylist.conf"), diagnostics);
}

void decide(benchmark::State& state, const char* client, const std::string& name) {
  const auto configuration = rules(state.range(0));
  Facts facts;
  facts.client = table::Ip::parse(client);
  facts.client_name = name;
  facts.sender = facts.raw_sender = "<joe@a.example>";
  facts.recipient = "<kim@b.example>";
  const Properties properties;
  const Answers answers;
  const FormatContext texts;
  for (auto _ : state) {
    auto decision = evaluate(Stage::recipient, configuration, facts, properties, answers, texts);
    benchmark::DoNotOptimize(decision);
  }
}

void in_none(benchmark::State& state) { decide(state, "192.0.2.7", "mx.elsewhere.test"); }
void in_a_network(benchmark::State& state) { decide(state, "10.0.4.7", "mx.elsewhere.test"); }
void by_a_name(benchmark::State& state) { decide(state, "192.0.2.7", "mx.d4.example"); }

BENCHMARK(in_none)->Arg(10)->Arg(10000);
BENCHMARK(in_a_network)->Arg(10)->Arg(10000);
BENCHMARK(by_a_name)->Arg(10)->Arg(10000);

}  // namespace
