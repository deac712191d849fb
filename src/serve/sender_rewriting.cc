#include "serve/sender_rewriting.h"

#include <sys/stat.h>

#include <utility>
#include <vector>

#include "io/openssl_keyed_hash.h"
#include "io/stable_file.h"
#include "table/fold.h"

namespace hikyaku::serve {
namespace {

constexpr std::string_view kStep = "rewrite.srs";

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t'))
      line.remove_suffix(1);
    if (!line.empty()) lines.emplace_back(line);
  }
  return lines;
}

std::vector<std::string> secrets(const config::Main& main, config::Diagnostics& diagnostics) {
  const auto& name = main.text("hikyaku_srs_secret_file");
  if (name.text.empty()) {
    diagnostics.error(
        main.origin("hikyaku_srs_domain"),
        "hikyaku_srs_domain needs hikyaku_srs_secret_file: anybody could write a sender of ours");
    return {};
  }
  const auto file = io::read_stable_file(name.text);
  if (!file) {
    diagnostics.error(name.origin, "hikyaku_srs_secret_file: " + file.error().text, name.text);
    return {};
  }
  struct stat state {};
  if (::stat(name.text.c_str(), &state) == 0 && (state.st_mode & S_IROTH) != 0)
    diagnostics.warning(name.origin, "hikyaku_srs_secret_file: everybody can read " + name.text, name.text);
  auto lines = lines_of(file->text);
  if (lines.empty())
    diagnostics.error(name.origin, "hikyaku_srs_secret_file: " + name.text + " holds no secret", name.text);
  return lines;
}

bool ours(route::DomainClass domain_class) { return domain_class != route::DomainClass::other; }

}  // namespace

SenderRewriting::SenderRewriting(std::shared_ptr<const rewrite::Srs> srs, table::DomainList excluded)
    : srs_(std::move(srs)),
      excluded_(std::move(excluded)),
      rule_("hikyaku_srs_domain = " + srs_->settings().domain) {}

std::unique_ptr<const SenderRewriting> SenderRewriting::make(const config::Main& main, table::Opener& opener,
                                                             config::Diagnostics& diagnostics) {
  static const io::OpensslKeyedHash hash;
  const auto& domain = main.text("hikyaku_srs_domain");
  if (domain.text.empty()) return nullptr;
  rewrite::SrsSettings settings;
  settings.domain = table::ascii_lower(domain.text);
  settings.origin = domain.origin;
  settings.secrets = secrets(main, diagnostics);
  const auto length = main.integer("hikyaku_srs_hash_length");
  constexpr int kShortest = 4;
  constexpr int kLongest = 27;  // of 20 octets in base64
  if (length < kShortest || length > kLongest) {
    diagnostics.error(main.origin("hikyaku_srs_hash_length"), "hikyaku_srs_hash_length is from 4 to 27");
    return nullptr;
  }
  settings.hash_length = static_cast<std::size_t>(length);
  settings.max_age =
      std::chrono::duration_cast<std::chrono::days>(main.duration("hikyaku_srs_max_age")).count();
  std::vector<table::Element> elements;
  for (const auto& value : main.list("hikyaku_srs_exclude_domains"))
    elements.push_back({value.text, value.origin});
  auto excluded = table::DomainList::compile(elements, opener, table::Subdomains::by_dot);
  if (!excluded) {
    diagnostics.error(main.origin("hikyaku_srs_exclude_domains"),
                      "hikyaku_srs_exclude_domains: " + excluded.error().text);
    return nullptr;
  }
  if (settings.secrets.empty()) return nullptr;
  return std::unique_ptr<const SenderRewriting>(new SenderRewriting(
      std::make_shared<const rewrite::Srs>(std::move(settings), hash), std::move(*excluded)));
}

Result<bool> SenderRewriting::applies(const route::Router& router, const mail::Address& sender,
                                      const record::Recipient& recipient, const route::Route& route,
                                      Explanation& why) const {
  const auto no = [&](std::string_view condition, std::string_view operand) {
    why.add({kStep, rule_, srs_->settings().origin, {}, condition, operand, "the sender stays"});
    return false;
  };
  if (sender.null()) return no("the sender is not <>", "<>");
  const auto& to = route.recipient.null() ? recipient.address : route.recipient;
  if (ours(route.domain_class)) return no("the mail leaves our domains", to.internal());
  if (!srs_->has_form(recipient.original)) {
    const auto original = router.resolve({}, router.complete(recipient.original));
    if (!original) return std::unexpected(original.error());
    if (!ours(original->domain_class))
      return no("the mail came for one of our domains", recipient.original.internal());
  }
  const auto from = router.resolve({}, router.complete(sender));
  if (!from) return std::unexpected(from.error());
  if (ours(from->domain_class)) return no("the sender is of none of our domains", sender.internal());
  const auto excluded = excluded_.match(sender.domain(), nullptr);
  if (!excluded) return std::unexpected(excluded.error());
  if (*excluded) return no("the sender's domain is not in hikyaku_srs_exclude_domains", sender.domain());
  return true;
}

mail::Address SenderRewriting::sender(const mail::Address& sender, Time now, Explanation& why) const {
  auto rewritten = srs_->forward(sender, now);
  if (!rewritten) {
    why.add({kStep,
             rule_,
             srs_->settings().origin,
             {},
             "a rewritten sender can be made",
             rewritten.error().text,
             "the sender stays"});
    return sender;
  }
  why.add({kStep,
           rule_,
           srs_->settings().origin,
           {},
           {},
           sender.internal(),
           "sender: " + sender.internal() + " -> " + rewritten->internal()});
  return std::move(*rewritten);
}

}  // namespace hikyaku::serve
