//! The manifest of published sprites, as a Bevy asset: Bevy's file watcher then reloads it like any image.

use bevy::asset::{AssetLoader, LoadContext, io::Reader};
use bevy::prelude::*;
use serde::Deserialize;

/// Where DGX-Pixels writes the manifest, relative to `assets/`.
const PATH: &str = "manifests/dgx_pixels.json";

/// Loads the manifest at the start and keeps it loaded.
pub struct ManifestPlugin;

impl Plugin for ManifestPlugin {
    fn build(&self, app: &mut App) {
        app.init_asset::<SpriteManifest>()
            .init_asset_loader::<ManifestLoader>()
            .add_systems(Startup, load);
    }
}

/// All published sprites. The file says more about each (prompt, seed, model); serde skips what no field asks for.
#[derive(Asset, TypePath, Deserialize)]
pub struct SpriteManifest {
    /// Sorted by path.
    pub assets: Vec<SpriteEntry>,
}

/// One published sprite.
#[derive(Deserialize)]
pub struct SpriteEntry {
    /// Relative to `assets/`, so that `AssetServer::load` takes it as it is.
    pub path: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// The handle that keeps the manifest loaded: an asset without a strong handle is dropped, and is not reloaded.
#[derive(Resource)]
pub struct ManifestHandle(pub Handle<SpriteManifest>);

// If nothing is published yet, Bevy logs that the file is missing, and loads it as soon as it appears.
fn load(mut commands: Commands, server: Res<AssetServer>) {
    commands.insert_resource(ManifestHandle(server.load(PATH)));
}

#[derive(Default, TypePath)]
struct ManifestLoader;

impl AssetLoader for ManifestLoader {
    type Asset = SpriteManifest;
    type Settings = ();
    type Error = BevyError;

    async fn load(
        &self,
        reader: &mut dyn Reader,
        _settings: &(),
        _context: &mut LoadContext<'_>,
    ) -> Result<SpriteManifest, BevyError> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).await?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    fn extensions(&self) -> &[&str] {
        &["json"]
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::time::{Duration, Instant};
    use std::{env, fs, process, thread};

    use super::*;

    /// Publishes as DGX-Pixels does: a complete file, made outside `assets/`, renamed into it in one step.
    fn publish(root: &Path, sprites: &[&str]) {
        let entries: Vec<_> = sprites
            .iter()
            .map(|path| serde_json::json!({"path": path, "width": 16, "height": 16, "prompt": "more keys"}))
            .collect();
        let folder = root.join("assets/manifests");
        if !folder.exists() {
            fs::create_dir(&folder).unwrap();
            thread::sleep(Duration::from_millis(50));
        }
        let staged = root.join("staged");
        fs::write(&staged, serde_json::json!({"schema": 1, "assets": entries}).to_string()).unwrap();
        fs::rename(staged, root.join("assets").join(PATH)).unwrap();
    }

    /// Runs the app until the loaded manifest has that many sprites.
    fn wait_for(app: &mut App, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            app.update();
            let handle = app.world().get_resource::<ManifestHandle>();
            let manifest = handle.and_then(|handle| app.world().resource::<Assets<SpriteManifest>>().get(&handle.0));
            if manifest.is_some_and(|manifest| manifest.assets.len() == count) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the manifest never had {count} sprites");
    }

    fn project() -> PathBuf {
        let root = env::temp_dir().join(format!("bevy_example_{}", process::id()));
        fs::create_dir_all(root.join("assets")).unwrap();
        root
    }

    #[test]
    fn a_manifest_that_appears_or_changes_while_the_game_runs_is_loaded() {
        let root = project();
        let assets = AssetPlugin {
            file_path: root.join("assets").to_string_lossy().into_owned(),
            ..default()
        };
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, assets, ManifestPlugin));
        for _ in 0..20 {
            app.update(); // long enough for the first load to fail
            thread::sleep(Duration::from_millis(10));
        }
        publish(&root, &["sprites/item_potion.png"]);
        wait_for(&mut app, 1);
        publish(&root, &["sprites/item_potion.png", "sprites/item_sword.png"]);
        wait_for(&mut app, 2);
        fs::remove_dir_all(root).unwrap();
    }
}
