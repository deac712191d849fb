#include "serve/milter_edits.h"

#include <algorithm>
#include <utility>

#include "base/escape.h"
#include "mail/header.h"
#include "mail/parameters.h"
#include "milter/envelope_edits.h"
#include "serve/stored_parameters.h"

namespace hikyaku::serve {
namespace {

constexpr std::size_t kMostTold = 2000;  // octets of a summary
constexpr std::size_t kMostWarnings = 20;

class Applying {
 public:
  Applying(milter::LeadingSpace space, const rewrite::Checks& checks, milter::HeaderList& headers,
           MilterMessage& message, Explanation& why)
      : space_(space), checks_(checks), headers_(headers), message_(message), why_(why) {}

  AppliedEdits take() {
    // Copies that milter_header_checks asks for.
    for (const auto& address : std::exchange(message_.actions.bcc, {})) add(address, {});
    return std::move(applied_);
  }

  void operator()(milter::AddHeader& edit) {
    if (!named(edit.name)) return;
    if (pass(edit.name, edit.value)) headers_.add(edit, space_);
    tell("header " + shown(edit.name) + " added");
  }
  void operator()(milter::InsertHeader& edit) {
    if (!named(edit.name)) return;
    if (pass(edit.name, edit.value)) headers_.insert(edit, space_);
    tell("header " + shown(edit.name) + " inserted at " + std::to_string(edit.index));
  }
  void operator()(milter::ChangeHeader& edit) {
    if (!named(edit.name)) return;
    const bool removes = edit.value.empty();
    if (removes || pass(edit.name, edit.value)) headers_.change(edit, space_);
    tell("header " + shown(edit.name) + (removes ? " removed" : " changed"));
  }
  void operator()(const milter::ChangeSender& edit) {
    const auto address = milter::envelope_address(edit.address, "the new sender");
    if (!address) return warn(address.error().text);
    rewrite::EnvelopeRewriting rewriting(message_.rewriter, why_, message_.entry.arrival);
    message_.entry.sender = rewriting.sender(*address);
    tell("sender changed to " + shown(message_.entry.sender.text()));
  }
  void operator()(const milter::AddRecipient& edit) {
    const auto address = milter::envelope_address(edit.address, "a recipient to be added");
    if (!address) return warn(address.error().text);
    if (address->null()) return warn("a recipient to be added has no address");
    auto parameters = mail::RecipientParameters::parse(edit.parameters.value_or(""));
    if (!parameters) {
      warn("the parameters of the recipient " + shown(address->text()) + ": " + parameters.error().keyword +
           " makes no sense, and was left out");
      parameters = mail::RecipientParameters{};
    }
    add(*address, *parameters);
    tell("recipient " + shown(address->text()) + " added");
  }
  /// As in Postfix, by the address that the client gave, so that all that an alias stands for goes.
  void operator()(const milter::RemoveRecipient& edit) {
    const auto address = milter::envelope_address(edit.address, "a recipient to be removed");
    if (!address) return warn(address.error().text);
    const auto gone =
        std::erase_if(message_.entry.recipients, [&](const auto& one) { return one.original == *address; });
    tell("recipient " + shown(address->text()) + (gone > 0 ? " removed" : " to be removed is not there"));
  }
  void operator()(const milter::ReplaceBody&) {}
  void operator()(const milter::Quarantine&) {}

 private:
  static std::string shown(std::string_view text) { return escaped(text, 100); }

  void add(const mail::Address& address, const mail::RecipientParameters& parameters) {
    rewrite::EnvelopeRewriting rewriting(message_.rewriter, why_, message_.entry.arrival);
    rewriting.bcc(address);
    auto result = rewriting.finish();
    for (auto& warning : result.warnings) warn(escaped(warning));
    if (result.refusal) message_.actions.refusal = std::move(result.refusal);
    for (auto& expanded : result.recipients) {
      if (expanded.from != rewrite::Expanded::From::header_bcc) continue;  // always_bcc: it is there already
      record::Recipient recipient;
      recipient.address = std::move(expanded.address);
      recipient.original = address;
      recipient.orcpt = stored_orcpt(parameters);
      recipient.notify = stored_notify(parameters.notify.bits);
      if (!is_there(recipient)) message_.entry.recipients.push_back(std::move(recipient));
    }
  }

  /// What is the same for cleanup, which delivers it once.
  bool is_there(const record::Recipient& wanted) const {
    const bool with_original = message_.rewriter.settings().enable_original_recipient.on;
    const auto same = [](const mail::Address& a, const mail::Address& b) {
      return mail::same_header_name(a.internal(), b.internal());
    };
    return std::ranges::any_of(message_.entry.recipients, [&](const record::Recipient& one) {
      return same(one.address, wanted.address) &&
             (!with_original || (same(one.original, wanted.original) && one.notify == wanted.notify &&
                                 mail::same_header_name(one.orcpt, wanted.orcpt)));
    });
  }

  void tell(const std::string& what) {
    auto& summary = applied_.summary;
    if (summary.size() >= kMostTold) {
      if (!summary.ends_with("...")) summary += ", ...";
      return;
    }
    if (!summary.empty()) summary += ", ";
    summary += what;
  }
  void warn(const std::string& text) {
    if (applied_.warnings.size() < kMostWarnings) applied_.warnings.push_back(text);
  }

  /// A line that begins with a colon would be no header.
  bool named(const std::string& name) {
    const bool is = !name.empty() && name.front() != ':';
    if (!is) warn("a header without a name was left out");
    return is;
  }

  /// milter_header_checks of a header that the filter adds. Returns whether it is added still.
  bool pass(std::string& name, std::string& value) {
    if (checks_.maps.empty() || message_.actions.checks_over) return true;
    auto text = name + ":" + (space_ == milter::LeadingSpace::taken_off ? " " : "") + value;
    auto checked = rewrite::apply_checks(checks_, text, rewrite::Content::header, rewrite::CheckedBy::milter,
                                         message_.actions, why_);
    if (checked.kind == rewrite::CheckResult::Kind::drop) return false;
    if (checked.kind != rewrite::CheckResult::Kind::replace) return true;
    auto seen = milter::filter_header(checked.text, space_);
    if (seen.name.empty()) return true;
    name = std::move(seen.name);
    value = std::move(seen.value);
    return true;
  }

  milter::LeadingSpace space_;
  const rewrite::Checks& checks_;
  milter::HeaderList& headers_;
  MilterMessage& message_;
  Explanation& why_;
  AppliedEdits applied_;
};

}  // namespace

AppliedEdits apply_milter_edits(std::vector<milter::Edit> edits, milter::LeadingSpace space,
                                const rewrite::Checks& checks, milter::HeaderList& headers,
                                MilterMessage& message, Explanation& why) {
  Applying applying(space, checks, headers, message, why);
  for (auto& edit : edits) std::visit(applying, edit);
  return applying.take();
}

}  // namespace hikyaku::serve
