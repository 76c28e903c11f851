"""Which tests show which promise: the table of benchmarks/promises.py.

A test is named as `file::function`, without `tests/test_` and `.py`; all its cases count.
"""

from __future__ import annotations

from collections.abc import Mapping

from result_file import Part

PROVEN: Mapping[Part, Mapping[str, tuple[str, ...]]] = {
    "server": {
        "a sprite of 32x32, alpha 0 or 255, at most 16 colours lies in the game": (
            "generate_sprite::test_writes_a_finished_sprite_into_the_game",
        ),
        "the wheel in an empty environment draws the first sprite": ("house::test_the_wheel_draws_outside_the_repository",),
        "the same bytes by memory, stdio, HTTP, command line and Inspector, in both protocol eras": (
            "roads::test_same_seed_same_bytes_on_every_road", "roads::test_the_mcp_inspector_draws_the_same_sprite",
            "roads::test_nothing_but_protocol_reaches_stdout",
        ),
        "two stdio clients at once: one model in memory, both served, progress on each": (
            "processes::test_two_stdio_clients_at_once_make_one_server_and_each_hears_progress",
        ),
        "torch is not imported to list the tools": ("house::test_listing_tools_does_not_import_torch",),
        "a cancel in mid-render stops within one step, in both eras; the next request works": (
            "cancelling::test_cancelling_stops_within_a_step_and_the_next_request_works",
            "processes::test_cancelling_through_the_proxy_ends_the_job",
        ),
        "each bad argument is named and nothing is written": (
            "bad_input::test_each_bad_argument_is_named_and_nothing_is_written", "bad_input::test_a_missing_prompt_is_asked_for",
            "bad_input::test_a_project_without_assets_is_told_how_to_make_them",
            "bad_input::test_a_read_only_disk_is_found_out_before_drawing", "bad_input::test_missing_weights_are_named",
            "bad_input::test_truncated_weights_are_named",
        ),
        "two clients in two games share one server, each sprite in its own game": (
            "generate_sprite::test_two_games_share_one_server",
        ),
    },
    "tiny_sdxl": {
        "it behaves as SDXL does: from_pretrained, single file, batches, img2img, LoRAs, seamless wrap": (
            "tiny_sdxl::test_from_pretrained_draws_at_its_own_size",
            "tiny_sdxl::test_a_single_file_checkpoint_draws_the_same_picture",
            "tiny_sdxl::test_a_batch_draws_what_each_request_alone_draws",
            "tiny_sdxl::test_img2img_keeps_the_picture_it_is_given_as_far_as_asked",
            "tiny_sdxl::test_loras_on_unet_and_both_text_encoders_change_the_picture_and_come_off",
            "tiny_sdxl::test_seamless_pictures_fit_themselves_and_the_model_is_left_as_it_was",
        ),
        "its training, cut off, goes on bit for bit": (
            "tiny_recipe::test_training_that_is_cut_off_goes_on_bit_for_bit",
        ),
    },
    "pixels": {
        "1,000 hostile files: a result or one sentence, below 2 GB": (
            "pixelize_hostile::test_a_thousand_files_get_an_answer",
        ),
        "size exact, alpha binary, palette closed under every operation": (
            "pixels_pixelize::test_every_picture_keeps_the_promises",
            "pixelize_edit::test_every_operation_keeps_the_palette_and_binary_alpha",
        ),
        "idempotent: our own output enlarged comes back bit for bit": (
            "pixels_pixelize::test_our_own_output_enlarged_comes_back_bit_for_bit",
            "pixels_pixelize::test_enlarged_art_with_clear_pixels_comes_back",
        ),
    },
    "engine": {
        "50 cancels, 20 times out of memory, 10 corrupt LoRAs among good requests: every good one right": (
            "engine_storm::test_in_a_storm_every_good_request_is_right_and_every_bad_one_told",
        ),
        "LoRAs of every naming are read alike; every other format is refused with its reason": (
            "lora_file::test_every_naming_gives_the_same_layers", "lora_file::test_every_layer_is_a_module_of_the_pipeline",
            "lora_file::test_diffusers_own_file_reads_as_diffusers_reads_it",
            "lora_file::test_what_cannot_be_used_says_what_it_is", "lora_file::test_pickles_are_refused_unopened",
        ),
        "whole models draw the same in every layout": ("load::test_whole_models_draw_the_same_in_every_layout",),
        "models pull: a cut connection, a wrong hash, no space, the licence, against a real hub client": (
            "models_command::test_pull_makes_sdxl_the_default_with_its_loras",
            "models_command::test_a_pull_that_is_cut_goes_on_where_it_was",
            "models_command::test_a_wrong_digest_is_thrown_away",
            "models_command::test_too_small_a_disk_is_said_before_anything_is_fetched",
        ),
        "wrapped renders have no edge: decode(roll(z)) is roll(decode(z))": (
            "renderer::test_wrapped_edges_are_no_edges", "renderer::test_wrapped_renders_of_all_sizes_have_no_edges_in_sdxl",
        ),
        "a failed GPU is noticed and the next server answers the call": (
            "gpu_lost::test_a_failed_gpu_is_noticed_and_the_call_is_answered_by_the_next_server",
            "gpu_lost::test_a_call_that_is_sent_twice_makes_one_job", "gpu_lost::test_alone_ends_with_one_sentence",
        ),
    },
    "bevy": {
        "200 publishes at random gaps: the game ends on the last, none fails to load, none is torn": (
            "bevy_game::test_200_publishes_at_random_gaps_end_on_the_last_and_never_show_half_a_picture",
        ),
        "a publisher that writes in place is found out": (
            "bevy_game::test_a_publisher_that_writes_slowly_in_place_is_found_out",
        ),
        "kill -9 of the publisher at 300 instants: whole files, and the next start makes the rest good": (
            "bevy_kill::test_300_killed_publishes_tear_no_file_and_are_made_good",
        ),
        "a screenshot before and after a reload shows exactly the published pixels": (
            "bevy_game_screen::test_every_sprite_is_drawn_as_published_before_and_after_a_reload",
        ),
        "the answer tells what the running game holds, or why it is not known": (
            "reload_game::test_an_agents_answers_are_what_the_game_holds", "reload_game::test_a_failed_load_is_told_as_one",
            "reload_game::test_a_burst_ends_with_the_last_one", "reload_game::test_another_projects_game_is_told_apart",
            "reload_game::test_a_game_that_ends_in_between_is_said_to",
        ),
        "over 200 hostile names and paths: none writes outside": (
            "hostile_names::test_there_are_over_200", "hostile_names::test_no_name_leads_out_of_the_project",
            "hostile_names::test_no_other_argument_leads_out_either",
            "hostile_names::test_the_publisher_itself_writes_nowhere_else",
        ),
    },
    "tilesets": {
        "the real Tiled draws the maps as we do, pixel for pixel": (
            "tile_tiled::test_the_real_tiled_draws_the_map_as_we_do",
            "tile_tiled::test_the_real_tiled_keeps_every_terrain_of_the_set",
        ),
        "pytiled-parser reads them as meant": ("tile_tiled::test_an_independent_parser_reads_what_was_meant",),
        "the running game shows a published set, and the one that replaces it": (
            "bevy_game_screen::test_a_generated_tileset_is_the_ground_and_so_is_the_next_one",
        ),
        "a random map of 64x64 tiles of each kind has no gap and no misfit": (
            "tile_set::test_random_maps_have_no_gap_and_no_misfit",
        ),
        "bad input gets one sentence and nothing is written": (
            "generate_tileset::test_bad_input_gets_one_sentence_and_nothing_is_written",
            "generate_tileset::test_terrains_that_come_out_alike_are_refused",
        ),
    },
    "training": {
        "a training killed at 20 instants has the weights of one that was not": (
            "training_child::test_twenty_kills_change_no_bit",
        ),
        "nor do a pause, a cancel, killed servers, a full disk or a closed server change a bit": (
            "training_lasts::test_paused_and_resumed", "training_lasts::test_cancelled_and_resumed",
            "training_lasts::test_killed_again_and_again", "training_lasts::test_a_full_disk_fails_its_job_and_can_go_on",
            "training_lasts::test_a_server_that_is_closed_leaves_it_to_the_next",
        ),
        "both files give our picture through diffusers' own loader, within 1 of 255": (
            "training_files::test_diffusers_draws_our_picture_from_either_file",
        ),
        "weight 0 gives the base model's bytes, half a weight lies between": (
            "training_files::test_weight_nought_gives_the_bases_bytes_and_half_lies_between",
        ),
        "a sprite is drawn within one training step while a LoRA is trained": (
            "turn::test_a_sprite_is_drawn_while_a_lora_is_trained_and_training_goes_on",
        ),
        "a second training is queued": ("training_lasts::test_one_at_a_time_over_all_processes",),
        "bad input: folders, pictures, captions, ranks, names, a model that is gone": (
            "train_lora::test_what_cannot_be_trained_says_why", "train_lora::test_a_folder_that_cannot_be_learnt_from_is_refused",
            "train_lora::test_a_bad_picture_or_caption_costs_no_other",
            "train_lora::test_a_base_model_that_is_gone_when_its_turn_comes_is_named",
            "dataset_report::test_a_corrupt_picture_among_forty_is_named_and_left_out",
            "dataset_report::test_too_little_to_learn_from_is_refused_in_one_sentence",
            "dataset_report::test_a_caption_of_5000_characters_is_cut_and_said",
        ),
    },
    "comparing": {
        "40 cells are what generate_sprite gives for the same recipe, byte for byte": (
            "compare_large::test_forty_cells_are_what_generate_sprite_keeps",
        ),
        "with all LoRAs at weight 0 every column is the same": ("compare_models::test_at_weight_0_every_column_is_the_same",),
        "4 contenders x 20 prompts x 2 seeds: a cancel in the middle keeps what is done, and it resumes": (
            "compare_large::test_four_contenders_twenty_prompts_two_seeds",
        ),
        "the viewer in headless Chromium in the official host: vote, keyboard, 400 px, no console error": (
            "viewer_host::test_a_person_votes_by_keyboard_and_the_library_has_the_votes",
            "viewer_host::test_four_contenders_fit_both_widths_in_both_themes", "viewer_host::test_errors_are_shown_in_words",
        ),
        "until the vote nothing tells which is which": (
            "compare_blind::test_nothing_tells_before_the_last_vote",
            "compare_blind::test_the_sheet_holds_nothing_but_the_labelled_pictures",
        ),
        "500 simulated judges of 70 %: the interval holds the truth in about 95 %": (
            "ranking::test_the_interval_covers_the_truth",
        ),
        "5 votes are too few": ("ranking::test_five_votes_are_too_few",),
        "bad input and wrong votes get one sentence": (
            "compare_models::test_bad_input_gets_one_sentence", "compare_votes::test_a_wrong_vote_gets_one_sentence",
            "compare_blind::test_an_unknown_comparison_is_named",
        ),
    },
    "library": {
        "50 assets of every kind are replayed byte for byte": (
            "replay::test_fifty_assets_of_every_kind_are_replayed_byte_for_byte",
        ),
        "100 changes are 100 notices, none after unsubscribing: HTTP, proxy, stdio, in both eras": (
            "subscriptions::test_a_hundred_changes_are_a_hundred_notices",
        ),
        "a burst is told by fewer notices, and none is forgotten": (
            "subscriptions::test_a_burst_is_told_by_fewer_notices_and_none_is_forgotten",
        ),
        "the Inspector's strict listing passes": ("roads::test_the_mcp_inspector_draws_the_same_sprite",),
        "the whole listing below 12,000 tokens, descriptions below 2 KB": (
            "listing::test_the_listing_is_short", "listing::test_descriptions_and_instructions_are_not_cut",
        ),
        "bad Host, Origin or token, 100 MB, `..` in a URI: refused, with a log line": (
            "http_security::test_who_may_not_come_in_is_told_why",
            "http_security::test_a_prompt_of_100_mb_is_refused_before_it_is_read",
            "http_security::test_a_resource_that_leads_elsewhere_is_refused",
        ),
        "SQL in a tag is only text": ("library_search::test_sql_is_only_text",),
        "a hostile recipe in a PNG is refused": ("replay::test_a_hostile_recipe_is_refused",),
        "a job asked for twice under one key runs once": (
            "job_keys::test_twenty_that_ask_at_once_under_one_key_get_one_job",
            "job_keys::test_a_key_finds_its_job_after_a_restart",
        ),
    },
}  # fmt: skip
