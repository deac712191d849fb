#include "table/contents.h"

namespace hikyaku::table {
namespace {
constexpr unsigned kRemarksOfALevel = 100;
constexpr std::size_t kSourceOctets = 200;
}  // namespace

void Remarks::add(Diagnostic::Level level, unsigned line, std::size_t column, std::string text,
                  std::string_view source) {
  if (++counts_[static_cast<std::size_t>(level)] > kRemarksOfALevel) return;
  all_.push_back({level, Origin{file_, line}, static_cast<unsigned>(column), std::move(text),
                  std::string(source.substr(0, kSourceOctets))});
}

std::vector<Diagnostic> Remarks::take() {
  for (const auto level : {Diagnostic::Level::note, Diagnostic::Level::warning, Diagnostic::Level::error}) {
    const unsigned count = counts_[static_cast<std::size_t>(level)];
    if (count > kRemarksOfALevel) {
      all_.push_back(
          {level, Origin{file_, 0}, 0, std::to_string(count - kRemarksOfALevel) + " more like these", {}});
    }
  }
  return std::move(all_);
}

}  // namespace hikyaku::table
