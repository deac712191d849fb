#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/explanation.h"
#include "mail/address.h"
#include "rewrite/actions.h"
#include "rewrite/body_inspection.h"
#include "rewrite/completion.h"
#include "rewrite/settings.h"

namespace hikyaku::rewrite {

/// What the SMTP client of one transport changes in a message on its way out: smtp_header_checks, then
/// smtp_generic_maps. Applies to every client's mail. Immutable and thread-safe.
class Outbound {
 public:
  explicit Outbound(OutboundSettings settings);

  /// Tells whether there is anything to do at all; when not, no other call is needed.
  bool changes_addresses() const { return changes_addresses_; }
  bool changes_headers() const { return changes_addresses_ || checks_headers_; }
  /// Whether smtp_mime_header_checks, smtp_nested_header_checks or smtp_body_checks are set.
  bool inspects_body() const { return inspects_body_; }

  /// An envelope address through smtp_generic_maps: one pass, `@dom` results keep the local part. The null
  /// sender stays. A table that can't answer is Fault::temporary: defer the delivery.
  Result<mail::Address> address(const mail::Address& address, std::string_view which, Explanation& why) const;

  struct Headers {
    std::optional<std::string> section;  ///< nullopt: the very same bytes
    Actions actions;                     ///< only warnings, notes and refusal (REJECT is not known here)
  };
  /// The header section through smtp_header_checks and then smtp_generic_maps. Fault::temporary as above.
  Result<Headers> headers(std::string_view section, Explanation& why) const;

  /// The inspection for a body whose header section is `section`, when inspects_body().
  BodyInspection body(std::string_view section, Explanation& why) const;

  const OutboundSettings& settings() const { return settings_; }

 private:
  Result<std::optional<std::string>> generic_header(std::string_view name, std::string_view value,
                                                    Explanation& why) const;
  OutboundSettings settings_;
  Completion completion_;
  bool changes_addresses_ = false, checks_headers_ = false, inspects_body_ = false;
};

}  // namespace hikyaku::rewrite
