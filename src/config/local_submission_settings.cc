#include "config/local_submission_settings.h"

#include "config/table_elements.h"

namespace hikyaku::config {

policy::LocalSubmission local_submission_settings(const Main& main, table::Opener& opener,
                                                  Diagnostics& diagnostics) {
  policy::LocalSubmission settings;
  auto authorized = table::StringMatchList::compile(elements(main.list("authorized_submit_users")), opener);
  if (authorized) {
    settings.authorized = *std::move(authorized);
  } else {
    diagnostics.error(main.origin("authorized_submit_users"),
                      "authorized_submit_users: " + authorized.error().text);
  }
  auto senders = table::Maps::open(elements(main.list("local_login_sender_maps")), opener);
  if (senders) {
    settings.login_senders = *std::move(senders);
  } else {
    diagnostics.error(main.origin("local_login_sender_maps"),
                      "local_login_sender_maps: " + senders.error().text);
  }
  settings.null_sender = main.text("empty_address_local_login_sender_maps_lookup_key").text;
  settings.delimiters = {main.text("recipient_delimiter").text, main.boolean("owner_request_special"),
                         main.text("double_bounce_sender").text};
  return settings;
}

}  // namespace hikyaku::config
