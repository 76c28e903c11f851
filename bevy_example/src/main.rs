//! A small Bevy game that shows what DGX-Pixels published into its `assets/`, and reloads what changes.
//!
//! Each idea is one plugin: [`manifest`] knows which assets there are, [`gallery`] shows sprites, [`hero`] walks,
//! [`animation`] moves sheets, [`ground`] lays a tile map by the rules in [`terrain`], [`view`] is the camera, [`mode`]
//! says where to draw, and [`dgx_pixels_reload`] tells DGX-Pixels what was loaded.

mod animation;
mod dgx_pixels_reload;
mod gallery;
mod ground;
mod hero;
mod manifest;
mod mode;
mod shutdown;
mod terrain;
mod view;

use bevy::prelude::*;
use bevy_brp_extras::BrpExtrasPlugin;

use crate::animation::AnimationPlugin;
use crate::dgx_pixels_reload::DgxPixelsReloadPlugin;
use crate::gallery::GalleryPlugin;
use crate::ground::GroundPlugin;
use crate::hero::HeroPlugin;
use crate::manifest::ManifestPlugin;
use crate::mode::Mode;
use crate::shutdown::ShutdownPlugin;
use crate::view::ViewPlugin;

fn main() -> AppExit {
    let mode = match Mode::asked() {
        Ok(mode) => mode,
        Err(error) => {
            eprintln!("{error}");
            return AppExit::from_code(2);
        }
    };
    let draws = mode != Mode::Assets;
    let mut app = App::new();
    app.add_plugins(mode);
    if draws {
        // For agents: screenshots, input, shutdown. Before the reload plugin, which uses its connection.
        app.add_plugins(BrpExtrasPlugin::default());
    }
    app.add_plugins((
        DgxPixelsReloadPlugin,
        ManifestPlugin,
        ViewPlugin {
            offscreen: mode == Mode::Offscreen,
        },
        GalleryPlugin,
        HeroPlugin,
        AnimationPlugin,
        GroundPlugin,
    ));
    if !draws {
        app.add_plugins(ShutdownPlugin);
    }
    app.run()
}
